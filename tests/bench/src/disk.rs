//! Invocations a second whose records are on the disk before anything is sent or told, beside what the disk itself can do.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::figures::Figures;
use crate::load::{AT_ONCE, Kept, run};
use crate::sandbox::Running;

const ROUNDS: usize = 7;
const CALLS: u32 = 10_000;
const LOOK_AT_DISK: Duration = Duration::from_secs(1);

pub(crate) fn measure(directory: &Path) {
    let sandbox = Running::start("sandbox");
    let (mut disk, mut power, mut process) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let place = || tempfile::tempdir_in(directory).unwrap();
        disk.push(syncs_a_second(place().path()));
        power.push(run(&sandbox, place().path(), Kept::Power, CALLS).a_second(CALLS));
        process.push(run(&sandbox, place().path(), Kept::Process, CALLS).a_second(CALLS));
    }
    let ratios = Figures::of(power.iter().zip(&process).map(|(power, process)| power / process));
    let (disk, power, process) = (Figures::of(disk), Figures::of(power), Figures::of(process));
    println!("{ROUNDS} rounds of {CALLS} calls, 64 at once; a second:");
    println!("  fdatasync of this disk after each 450 bytes   {disk:.0}");
    println!(
        "  what it allows 64 calls that wait for it twice {:.0}",
        disk.median() * f64::from(AT_ONCE) / 2.0
    );
    println!("  invocations, durability = \"power\"             {power:.0}");
    println!("  invocations, durability = \"process\"           {process:.0}");
    println!("  ratio of the two                              {ratios:.3}");
}

/// One record, one `fdatasync`, and again: what a disk gives to one who does not group.
fn syncs_a_second(directory: &Path) -> f64 {
    let mut file = File::create(directory.join("record")).unwrap();
    let record = [b'x'; 450];
    let (began, mut synced) = (Instant::now(), 0_u32);
    while began.elapsed() < LOOK_AT_DISK {
        file.write_all(&record).unwrap();
        file.sync_data().unwrap();
        synced += 1;
    }
    f64::from(synced) / began.elapsed().as_secs_f64()
}
