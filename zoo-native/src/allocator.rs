//! The C library's allocator, told to keep what it is given back.
//!
//! By default glibc maps each large block anew and hands it back to the system when it is freed, so that a training step
//! faults in all of its activations again: 7,000 to 10,000 page faults a step of MobileNetV2 at 32 px and batch 128,
//! which drop to 44. Measured on two cores (`cargo run --release -p zoo-native --example step`), in interleaved runs: 83 to
//! 86 ms a step by default, 76 with these settings, 74 with mimalloc in glibc's place, 89 to 101 with jemalloc as it
//! comes; peak memory 330, 334, 393 and 317 MiB. On one thread, jemalloc told never to give memory back and to use huge
//! pages took 120 ms where these settings took 137. glibc it is for now: libtorch calls it whatever the binary links, and
//! it needs no configuration in each binary.

/// The allocator after [`keep_freed_memory`], for reports of the machine.
pub const NAME: &str =
    if cfg!(all(target_os = "linux", target_env = "gnu")) { "glibc, keeping freed memory" } else { "the system's" };

/// Keeps freed memory in the process, for libtorch's allocations too. Call it first in `main`: blocks from before stay as
/// they are. Nothing happens on systems without glibc.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// Memory asked from the system in one go, so that the heap grows in few steps.
        const GROW_BY: libc::c_int = 64 << 20;
        // SAFETY: mallopt only sets numbers; one it does not know is ignored.
        unsafe {
            // No block is a mapping of its own, and the top of the heap never shrinks.
            libc::mallopt(libc::M_MMAP_MAX, 0);
            libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
            libc::mallopt(libc::M_TOP_PAD, GROW_BY);
        }
        prefer_huge_pages();
    }
}

/// Grows the heap once, by addresses and not by memory, and lets the system back them by pages of 2 MiB: maps are streamed
/// through from end to end, and pages of 4 KiB exhaust the processor's table of them. Steps of MobileNetV2 at 32 px take 5 %
/// less time, of MobileNetV1 at width 0.75 with `stem1` 4 %, in 1 to 2 % more memory (medians of three interleaved runs with
/// and without `GLIBC_TUNABLES=glibc.malloc.hugetlb=1`, by which glibc does the same for a program that does not).
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn prefer_huge_pages() {
    const HEAP: usize = 1 << 30;
    const HUGE: usize = 2 << 20;
    // SAFETY: the block is freed at once, and with the settings above its addresses stay the heap's. Advice changes no
    // contents; where either call is refused, nothing is different.
    unsafe {
        let block = libc::malloc(HEAP);
        if block.is_null() {
            return;
        }
        let begin = block.cast::<u8>().add(block.cast::<u8>().align_offset(HUGE));
        libc::madvise(begin.cast(), HEAP - HUGE, libc::MADV_HUGEPAGE);
        libc::free(block);
    }
}
