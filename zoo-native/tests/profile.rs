//! A profile tells forward and backward apart, and which part made what.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tch::{Device, Kind, Tensor};
use zoo_native::profile::{Profile, Record, label};

/// One profile is taken at a time in a process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn operations_are_recorded_by_part_and_direction() {
    let _alone = alone();
    let at = (Kind::Float, Device::Cpu);
    let weight = Tensor::randn([64, 64], at).set_requires_grad(true);
    let x = Tensor::randn([64, 64], at);
    label(9);
    let profile = Profile::start().unwrap();
    assert!(Profile::start().is_err());
    label(1);
    let hidden = x.matmul(&weight);
    label(2);
    let loss = hidden.relu().sum(Kind::Float);
    loss.backward();
    let records = profile.stop().unwrap();
    let of = |part: i32, name: &str| -> &Record {
        let found = records.iter().find(|record| record.label == part && record.name.contains(name));
        found.unwrap_or_else(|| panic!("no {name} in part {part}: {records:#?}"))
    };
    let forward = of(1, "aten::matmul");
    assert!(forward.forward > 0.0 && forward.backward == 0.0 && forward.calls == 1);
    assert!(of(2, "aten::relu").forward > 0.0);
    assert!(of(1, "MmBackward").backward > 0.0 && of(2, "ReluBackward").backward > 0.0);
    // Nothing more once it is over.
    let again = Profile::start().unwrap();
    assert_eq!(again.stop().unwrap(), []);
}

#[test]
fn a_profile_that_nobody_stops_ends_by_itself() {
    let _alone = alone();
    drop(Profile::start().unwrap());
    assert_eq!(Profile::start().unwrap().stop().unwrap(), []);
}
