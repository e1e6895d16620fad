//! What it takes to average numbers over the processes of a run, by their bytes: the constants of the model in
//! docs/data-parallel.md.
//!
//! Each process is started with `RANK`, `WORLD_SIZE`, `MASTER_ADDR` and `MASTER_PORT`, and with the address that the others
//! reach it at:
//!
//! ```sh
//! for rank in 0 1; do
//!     RANK=$rank WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=29400 \
//!         cargo run --release -p zoo-native --example all_reduce -- 127.0.0.1 &
//! done
//! ```

use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};
use zoo_native::comm::{Group, Seat, Store};

const TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of one call.
const SIZES: [i64; 6] = [24, 4 << 10, 64 << 10, 1 << 20, 4 << 20, 16 << 20];
/// Calls of one size, of which the fastest half counts.
const CALLS: usize = 40;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tch::set_num_threads(1);
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let seat = Seat { rank: variable("RANK")?.parse()?, size: variable("WORLD_SIZE")?.parse()? };
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1".into());
    let (host, port) = (variable("MASTER_ADDR")?, variable("MASTER_PORT")?.parse()?);
    let store = Store::connect(&host, port, seat.rank == 0, TIMEOUT)?;
    let group = Group::gloo(&store, "all-reduce", seat, (None, &address), TIMEOUT)?;
    for bytes in SIZES {
        let mut numbers = Tensor::ones([bytes / 4], (Kind::Float, Device::Cpu));
        let mut times = Vec::new();
        for _ in 0..CALLS {
            let begun = Instant::now();
            group.sum(&mut numbers)?;
            times.push(begun.elapsed().as_secs_f64());
            let _ = numbers.fill_(1.0);
        }
        times.sort_by(f64::total_cmp);
        if seat.rank == 0 {
            println!("{bytes:>9} bytes {:>10.3} ms", 1e3 * times[CALLS / 4]);
        }
    }
    // The store must outlive the others' last call.
    store.add("left", 1)?;
    while seat.rank == 0 && store.add("left", 0)? < seat.size as i64 {
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
