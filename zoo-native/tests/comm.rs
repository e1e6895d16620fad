//! Ranks that are threads of one process: the store, sums, broadcasts, and gradients that are averaged.

use std::thread;
use std::time::Duration;

use tch::{Device, Kind, Tensor};
use zoo_native::comm::{Buckets, Group, Reducer, Seat, Store};

const TIMEOUT: Duration = Duration::from_secs(20);

/// Runs `body` in `size` ranks, and returns what each found.
fn ranks<T: Send>(size: usize, body: impl Fn(&Store, &Group, usize) -> T + Sync) -> Vec<T> {
    let server = Store::connect("127.0.0.1", 0, true, TIMEOUT).unwrap();
    let (port, body) = (server.port(), &body);
    thread::scope(|scope| {
        let rank = |rank: usize| {
            scope.spawn(move || {
                let store = Store::connect("127.0.0.1", port, false, TIMEOUT).unwrap();
                let group = Group::gloo(&store, "test", Seat { rank, size }, (None, "127.0.0.1"), TIMEOUT).unwrap();
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
    let buckets = Buckets { first: 64, others: 256 };
    let found = ranks(2, |_, group, rank| {
        let leaf = |size: &[i64]| Tensor::ones(size, (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let parameters = [leaf(&[8, 4, 1, 1]), leaf(&[100]), leaf(&[3, 3]), leaf(&[1])];
        let reducer = Reducer::new(group, &parameters.each_ref(), buckets).unwrap();
        let loss = |scale: f64| {
            let terms = parameters.iter().enumerate();
            let terms = terms.map(|(at, parameter)| parameter.sum(Kind::Float) * (scale * (at as f64 + 1.0)));
            terms.reduce(|sum, term| sum + term).unwrap()
        };
        let mut seen = Vec::new();
        for step in 1..4 {
            // A piece that is not averaged, and one that is, together with it.
            loss(f64::from(step)).backward();
            let last = loss(rank as f64);
            reducer.prepare(&last).unwrap();
            last.backward();
            seen.push(parameters.each_ref().map(|parameter| numbers(&parameter.grad())));
            zoo_native::gradient::clear_grads(&parameters).unwrap();
        }
        seen
    });
    for rank in found {
        for (step, gradients) in (1..4).zip(rank) {
            for (at, gradient) in (1..5).zip(gradients) {
                let expected = at as f32 * (step as f32 + 0.5);
                assert!(gradient.iter().all(|number| *number == expected), "step {step}: {gradient:?}, not {expected}");
            }
        }
    }
}

#[test]
fn a_port_that_is_taken_and_parameters_that_are_none_are_errors() {
    let store = Store::connect("127.0.0.1", 0, true, TIMEOUT).unwrap();
    assert!(store.port() > 0);
    assert!(Store::connect("127.0.0.1", store.port(), true, TIMEOUT).is_err());
    assert!(ranks(1, |_, group, _| Reducer::new(group, &[], Buckets { first: 64, others: 64 }).is_err())[0]);
}
