//! Processors of its own for a measurement, so that two of them on one machine do not share one unawares.

use std::path::Path;

use zoo_host::lock::{Attempt, Lock};

/// Processors that a measurement has taken; others see them as taken while this lives.
#[derive(Debug, Default)]
pub struct Processors {
    /// Their numbers.
    pub numbers: Vec<usize>,
    /// How many of them another measurement holds, too.
    pub shared: usize,
    /// What tells other processes.
    _locks: Vec<Lock>,
}

impl Processors {
    /// Takes `count` of those that this process may use and keeps this thread, and those that it starts from now on, on
    /// them; returns what there is to say about it. The last free ones are taken, as interrupts usually go to the first.
    pub fn take(count: usize) -> (Processors, Option<String>) {
        let taken = Processors::choose(&zoo_native::cpu::processors(), count, &std::env::temp_dir());
        if !zoo_native::cpu::pin_to(&taken.numbers) {
            let note = format!("{count} threads are not pinned: there are too few processors for them");
            return (Processors::default(), Some(note));
        }
        let note = (taken.shared > 0).then(|| {
            format!(
                "another measurement holds {} of the {count} processors, so these times are less reliable: measure \
                 again when it is done",
                taken.shared
            )
        });
        (taken, note)
    }

    /// Those of `allowed` whose file in `folder` no other process has locked, then others; none where there are too few.
    fn choose(allowed: &[usize], count: usize, folder: &Path) -> Processors {
        let mut taken = Processors::default();
        if allowed.len() < count {
            return taken;
        }
        let mut held = Vec::new();
        for &number in allowed.iter().rev() {
            if taken.numbers.len() == count {
                break;
            }
            match lock(&folder.join(format!("zoo-processor-{number}.lock"))) {
                Some(lock) => {
                    taken.numbers.push(number);
                    taken._locks.push(lock);
                }
                None => held.push(number),
            }
        }
        taken.shared = count - taken.numbers.len();
        taken.numbers.extend(held.into_iter().take(taken.shared));
        taken
    }
}

/// The lock of the file at `path`; none where another process has it, or it cannot be had.
fn lock(path: &Path) -> Option<Lock> {
    match Lock::attempt(path).ok()? {
        Attempt::Taken(lock) => Some(lock),
        Attempt::Held(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_measurements_have_processors_of_their_own_while_there_are_some() {
        let folder = tempfile::tempdir().unwrap();
        let choose = |count| Processors::choose(&[0, 1, 5], count, folder.path());
        let one = choose(1);
        let other = choose(1);
        assert_eq!((&one.numbers, one.shared), (&vec![5], 0));
        assert_eq!((&other.numbers, other.shared), (&vec![1], 0));
        let crowded = choose(2);
        assert_eq!((&crowded.numbers, crowded.shared), (&vec![0, 5], 1));
        drop((one, crowded));
        assert_eq!(choose(2).numbers, [5, 0]);
        assert!(choose(4).numbers.is_empty());
    }
}
