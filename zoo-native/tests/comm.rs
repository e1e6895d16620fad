//! Ranks that are threads of one process: the store, sums, broadcasts, and gradients that are averaged.

use std::thread;
use std::time::Duration;

use tch::{Device, Kind, Tensor};
use zoo_native::comm::{Buckets, Group, Reducer, Seat, Store, Way, has_nccl};

const TIMEOUT: Duration = Duration::from_secs(20);

/// Runs `body` in `size` ranks, and returns what each found.
fn ranks<T: Send>(size: usize, body: impl Fn(&Store, &Group, usize) -> T + Sync) -> Vec<T> {
    ranks_within(size, TIMEOUT, body)
}

/// The same with a limit for each call that all make.
fn ranks_within<T: Send>(size: usize, limit: Duration, body: impl Fn(&Store, &Group, usize) -> T + Sync) -> Vec<T> {
    let server = Store::connect("127.0.0.1", 0, true, TIMEOUT).unwrap();
    let (port, body) = (server.port(), &body);
    thread::scope(|scope| {
        let rank = |rank: usize| {
            scope.spawn(move || {
                let store = Store::connect("127.0.0.1", port, false, TIMEOUT).unwrap();
                let group = Group::gloo(&store, "test", Seat { rank, size }, (None, "127.0.0.1"), limit).unwrap();
                body(&store, &group, rank)
            })
        };
        let ranks: Vec<_> = (0..size).map(rank).collect();
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
    })
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.reshape([-1])).unwrap()
}

#[test]
fn keys_have_the_values_that_another_rank_gave_them() {
    let found = ranks(2, |store, _, rank| {
        assert!(!store.has("never").unwrap());
        store.set(&format!("from/{rank}"), &[rank as u8, 7]).unwrap();
        let other = store.get(&format!("from/{}", 1 - rank), TIMEOUT).unwrap();
        store.set(&format!("empty/{rank}"), &[]).unwrap();
        assert!(store.get(&format!("empty/{}", 1 - rank), TIMEOUT).unwrap().is_empty());
        (other, store.add("sum", 5).unwrap())
    });
    assert_eq!((&found[0].0[..], &found[1].0[..]), (&[1, 7][..], &[0, 7][..]));
    assert_eq!(found[0].1 + found[1].1, 15);
    let store = Store::connect("127.0.0.1", 0, true, TIMEOUT).unwrap();
    assert!(store.get("never", Duration::from_millis(50)).is_err());
    assert!(store.set("a\0b", &[]).is_err());
}

#[test]
fn sums_largest_values_and_broadcasts_reach_all() {
    for size in [1, 2, 3] {
        let found = ranks(size, |_, group, rank| {
            let mut sum = Tensor::from_slice(&[rank as f64 + 1.0, 1.0]);
            group.sum(&mut sum).unwrap();
            let mut largest = Tensor::from_slice(&[rank as i64, -(rank as i64)]);
            group.largest(&mut largest).unwrap();
            let (one, other) = (Tensor::from_slice(&[rank as f32 + 0.5; 70]), Tensor::from_slice(&[rank as i64]));
            group.broadcast(&[&one, &other]).unwrap();
            (Vec::<f64>::try_from(&sum).unwrap(), Vec::<i64>::try_from(&largest).unwrap(), numbers(&one))
        });
        let all = size as f64;
        for (sum, largest, broadcast) in found {
            assert_eq!((sum, largest), (vec![all * (all + 1.0) / 2.0, all], vec![size as i64 - 1, 0]));
            assert_eq!(broadcast, [0.5; 70]);
        }
    }
}

#[test]
fn gradients_are_averages_in_every_bucket_and_only_where_that_is_asked_for() {
    for (size, way) in [(2, Way::Group), (1, Way::SharedMemory), (2, Way::SharedMemory), (5, Way::SharedMemory)] {
        let found = ranks(size, |_, group, rank| gradients(group, rank, way));
        for (rank, steps) in found.iter().enumerate() {
            for (step, gradients) in steps.iter().enumerate() {
                // The mean of the ranks' numbers, and what this rank had before.
                let mean = (size - 1) as f32 / 2.0 + step as f32;
                for (at, gradient) in (1..).zip(gradients) {
                    let expected = at as f32 * mean;
                    let is_near = |number: &f32| (number - expected).abs() <= 1e-6 * expected;
                    assert!(gradient.iter().all(is_near), "{size} {way:?} {step}: {gradient:?}, not {expected}");
                }
                assert!(gradients == &found[0][step], "rank {rank} has others than rank 0");
            }
        }
    }
}

/// The gradients of some steps, in which a rank is now early and now late.
fn gradients(group: &Group, rank: usize, way: Way) -> Vec<[Vec<f32>; 4]> {
    let leaf = |size: &[i64]| Tensor::ones(size, (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let parameters = [leaf(&[8, 4, 1, 1]), leaf(&[5000]), leaf(&[3, 3]), leaf(&[1])];
    let buckets = Buckets { first: 64, others: 256 };
    let reducer = Reducer::new(group, &parameters.each_ref(), buckets, way).unwrap();
    let loss = |scale: f64| {
        let terms = parameters.iter().enumerate();
        let terms = terms.map(|(at, parameter)| parameter.sum(Kind::Float) * (scale * (at as f64 + 1.0)));
        terms.reduce(|sum, term| sum + term).unwrap()
    };
    let step = |step: usize| {
        // A piece that is not averaged, and one that is, together with it.
        loss(step as f64).backward();
        let last = loss(rank as f64);
        reducer.prepare(&last).unwrap();
        thread::sleep(Duration::from_micros((step * 37 + rank * 61) as u64 % 5 * 200));
        last.backward();
        let seen = parameters.each_ref().map(|parameter| numbers(&parameter.grad()));
        zoo_native::gradient::clear_grads(&parameters).unwrap();
        seen
    };
    (0..40).map(step).collect()
}

#[test]
fn ranks_of_one_machine_share_memory_and_a_rank_without_gradients_is_missed() {
    let short = Duration::from_millis(300);
    let found = ranks_within(2, short, |_, group, rank| {
        assert!(group.shares_memory().unwrap());
        let leaf = Tensor::ones([100], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let reducer = Reducer::new(group, &[&leaf], Buckets { first: 64, others: 64 }, Way::SharedMemory).unwrap();
        let loss = leaf.sum(Kind::Float);
        reducer.prepare(&loss).unwrap();
        // The other one waits in vain.
        if rank == 0 { None } else { Some(loss.f_backward().unwrap_err().to_string()) }
    });
    let said = found[1].as_deref().unwrap();
    assert!(said.contains("another rank takes too long"), "{said}");
}

#[test]
fn nccl_is_refused_where_it_is_not_built() {
    if !has_nccl() {
        let said = ranks(1, |store, group, _| group.add_nccl(store, "nccl").unwrap_err().to_string());
        assert!(said[0].contains("this build has no NCCL"), "{said:?}");
    }
}

#[test]
fn a_port_that_is_taken_and_parameters_that_are_none_are_errors() {
    let store = Store::connect("127.0.0.1", 0, true, TIMEOUT).unwrap();
    assert!(store.port() > 0);
    assert!(Store::connect("127.0.0.1", store.port(), true, TIMEOUT).is_err());
    assert!(
        ranks(1, |_, group, _| Reducer::new(group, &[], Buckets { first: 64, others: 64 }, Way::Group).is_err())[0]
    );
}
