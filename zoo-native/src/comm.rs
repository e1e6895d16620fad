//! Several processes as one: PyTorch's store, process groups of Gloo and NCCL, and the reducer that averages gradients while the backward
//! pass goes on.
//!
//! Owned here: the calls. Not here: which processes there are, and what they agree on.

use std::ffi::{CString, c_char, c_int, c_void};
use std::time::Duration;

use tch::Tensor;
use torch_sys::C_tensor;

use crate::error::check;
use crate::{NativeError, Result, pointers};

unsafe extern "C" {
    fn zoo_store_connect(
        host: *const c_char,
        port: u16,
        is_server: bool,
        timeout_ms: i64,
        out: *mut *mut c_void,
    ) -> *mut c_char;
    fn zoo_store_port(store: *mut c_void) -> u16;
    fn zoo_store_free(store: *mut c_void);
    fn zoo_store_set(store: *mut c_void, key: *const c_char, data: *const u8, length: usize) -> *mut c_char;
    fn zoo_store_get(
        store: *mut c_void,
        key: *const c_char,
        timeout_ms: i64,
        to: *mut c_void,
        give: unsafe extern "C" fn(*mut c_void, *const u8, usize),
    ) -> *mut c_char;
    fn zoo_store_has(store: *mut c_void, key: *const c_char, has: *mut bool) -> *mut c_char;
    fn zoo_store_add(store: *mut c_void, key: *const c_char, amount: i64, sum: *mut i64) -> *mut c_char;
    fn zoo_group_gloo(
        store: *mut c_void,
        prefix: *const c_char,
        rank: c_int,
        size: c_int,
        interface: *const c_char,
        address: *const c_char,
        timeout_ms: i64,
        out: *mut *mut c_void,
    ) -> *mut c_char;
    fn zoo_group_free(group: *mut c_void);
    fn zoo_group_all_reduce(group: *mut c_void, tensor: *mut C_tensor, largest: bool) -> *mut c_char;
    fn zoo_group_broadcast(group: *mut c_void, tensors: *const *const C_tensor, length: usize) -> *mut c_char;
    fn zoo_has_nccl() -> bool;
    fn zoo_group_add_nccl(
        group: *mut c_void,
        store: *mut c_void,
        prefix: *const c_char,
        timeout_ms: i64,
    ) -> *mut c_char;
    fn zoo_group_shares_memory(group: *mut c_void, out: *mut bool) -> *mut c_char;
    fn zoo_synchronize_norms(group: *mut c_void) -> *mut c_char;
    fn zoo_reducer_new(
        group: *mut c_void,
        parameters: *const *const C_tensor,
        length: usize,
        first_bucket: usize,
        bucket: usize,
        shares_memory: bool,
        timeout_ms: i64,
        out: *mut *mut c_void,
    ) -> *mut c_char;
    fn zoo_reducer_free(reducer: *mut c_void) -> *mut c_char;
    fn zoo_reducer_prepare(reducer: *mut c_void, loss: *const C_tensor) -> *mut c_char;
}

/// A connection to the table of keys and values that the processes of a run share, as PyTorch's `TCPStore` keeps it.
#[derive(Debug)]
pub struct Store(*mut c_void);

// SAFETY: the C++ object has a lock of its own, and is tied to no thread.
unsafe impl Send for Store {}

impl Store {
    /// Connects to the store at `host` and `port`, or opens it there where `is_server`.
    ///
    /// # Errors
    /// Where nobody answers within `timeout`, or the port is taken.
    pub fn connect(host: &str, port: u16, is_server: bool, timeout: Duration) -> Result<Store> {
        let (host, mut out) = (text(host)?, std::ptr::null_mut());
        // SAFETY: on success `out` is a new store that is ours alone.
        unsafe { check(zoo_store_connect(host.as_ptr(), port, is_server, milliseconds(timeout), &mut out))? };
        Ok(Store(out))
    }

    /// The port that it is at, also where any was asked for by 0.
    pub fn port(&self) -> u16 {
        // SAFETY: the store is ours.
        unsafe { zoo_store_port(self.0) }
    }

    /// Sets the value of a key.
    ///
    /// # Errors
    /// Where the store is gone.
    pub fn set(&self, key: &str, value: &[u8]) -> Result<()> {
        let key = text(key)?;
        // SAFETY: key and value live through the call.
        unsafe { check(zoo_store_set(self.0, key.as_ptr(), value.as_ptr(), value.len())) }
    }

    /// The value of a key, once it has one.
    ///
    /// # Errors
    /// Where it has none within `timeout`, or the store is gone.
    pub fn get(&self, key: &str, timeout: Duration) -> Result<Vec<u8>> {
        unsafe extern "C" fn give(to: *mut c_void, data: *const u8, length: usize) {
            // SAFETY: `to` is the vector below, and the bytes live through the call; an empty value may have no address.
            unsafe {
                if length > 0 {
                    (*to.cast::<Vec<u8>>()).extend_from_slice(std::slice::from_raw_parts(data, length));
                }
            }
        }
        let (key, mut value) = (text(key)?, Vec::<u8>::new());
        let to = (&raw mut value).cast();
        // SAFETY: key and vector live through the call, which passes the vector to `give` alone.
        unsafe { check(zoo_store_get(self.0, key.as_ptr(), milliseconds(timeout), to, give))? };
        Ok(value)
    }

    /// Whether a key has a value.
    ///
    /// # Errors
    /// Where the store is gone.
    pub fn has(&self, key: &str) -> Result<bool> {
        let (key, mut has) = (text(key)?, false);
        // SAFETY: key and answer live through the call.
        unsafe { check(zoo_store_has(self.0, key.as_ptr(), &mut has))? };
        Ok(has)
    }

    /// Adds to the number of a key, which is 0 at first, and returns the sum.
    ///
    /// # Errors
    /// Where the store is gone.
    pub fn add(&self, key: &str, amount: i64) -> Result<i64> {
        let (key, mut sum) = (text(key)?, 0);
        // SAFETY: key and sum live through the call.
        unsafe { check(zoo_store_add(self.0, key.as_ptr(), amount, &mut sum))? };
        Ok(sum)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: it is ours alone, and not used again.
        unsafe { zoo_store_free(self.0) };
    }
}

/// Where a process stands among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Its number, from 0.
    pub rank: usize,
    /// How many there are.
    pub size: usize,
}

/// Whether this build has NCCL: it is against a libtorch with CUDA, and NCCL's headers were found.
pub fn has_nccl() -> bool {
    // SAFETY: it returns a constant.
    unsafe { zoo_has_nccl() }
}

/// Processes that compute together. All calls are to be made by all of them, in the same order.
#[derive(Debug)]
pub struct Group {
    group: *mut c_void,
    timeout: Duration,
}

// SAFETY: as for `Store`; calls are made by one thread at a time.
unsafe impl Send for Group {}

impl Group {
    /// A group over Gloo, for tensors on the CPU. The others reach this process at `address`, or at that of the network
    /// `interface`. `timeout` bounds every operation.
    ///
    /// # Errors
    /// Where not all come within `timeout`, or one cannot be reached.
    pub fn gloo(
        store: &Store,
        prefix: &str,
        seat: Seat,
        (interface, address): (Option<&str>, &str),
        timeout: Duration,
    ) -> Result<Group> {
        let (prefix, address, mut out) = (text(prefix)?, text(address)?, std::ptr::null_mut());
        let interface = interface.map(text).transpose()?;
        let interface = interface.as_ref().map_or(std::ptr::null(), |name| name.as_ptr());
        let (rank, size) = (seat.rank as c_int, seat.size as c_int);
        // SAFETY: the strings live through the call; on success `out` is a new group that is ours alone.
        unsafe {
            let (prefix, address, limit) = (prefix.as_ptr(), address.as_ptr(), milliseconds(timeout));
            check(zoo_group_gloo(store.0, prefix, rank, size, interface, address, limit, &mut out))?;
        }
        Ok(Group { group: out, timeout })
    }

    /// Puts the sum over all processes in place of `tensor`.
    ///
    /// # Errors
    /// Where a process is gone, or takes longer than the group's timeout.
    pub fn sum(&self, tensor: &mut Tensor) -> Result<()> {
        // SAFETY: the tensor lives through the call, which ends when it has been written.
        unsafe { check(zoo_group_all_reduce(self.group, tensor.as_mut_ptr(), false)) }
    }

    /// Puts the largest values over all processes in place of `tensor`.
    ///
    /// # Errors
    /// As for [`sum`](Group::sum).
    pub fn largest(&self, tensor: &mut Tensor) -> Result<()> {
        // SAFETY: as above.
        unsafe { check(zoo_group_all_reduce(self.group, tensor.as_mut_ptr(), true)) }
    }

    /// Puts the values of process 0 in place of `tensors`.
    ///
    /// # Errors
    /// As for [`sum`](Group::sum).
    pub fn broadcast(&self, tensors: &[&Tensor]) -> Result<()> {
        let pointers = pointers(tensors);
        // SAFETY: the tensors live through the call, which ends when they have been written.
        unsafe { check(zoo_group_broadcast(self.group, pointers.as_ptr(), pointers.len())) }
    }

    /// Lets tensors on GPUs go by NCCL, one GPU a process. They cannot be summed before.
    ///
    /// # Errors
    /// Where [`has_nccl`] is false, or this process has no GPU.
    pub fn add_nccl(&self, store: &Store, prefix: &str) -> Result<()> {
        let prefix = text(prefix)?;
        // SAFETY: the string lives through the call, and the C++ side keeps the store alive itself.
        unsafe { check(zoo_group_add_nccl(self.group, store.0, prefix.as_ptr(), milliseconds(self.timeout))) }
    }

    /// Whether the processes are on one machine and can share memory there; [`Way::SharedMemory`] then works. Linux can.
    ///
    /// # Errors
    /// As for [`sum`](Group::sum).
    pub fn shares_memory(&self) -> Result<bool> {
        let mut shares = false;
        // SAFETY: the answer lives through the call.
        unsafe { check(zoo_group_shares_memory(self.group, &mut shares))? };
        Ok(shares)
    }

    /// Lets all batch norms of this process that train share their statistics with the others of the group, for as long as
    /// the result lives.
    ///
    /// # Errors
    /// Never so far.
    pub fn synchronize_norms(&self) -> Result<SynchronizedNorms> {
        // SAFETY: the C++ side keeps the group alive itself.
        unsafe { check(zoo_synchronize_norms(self.group))? };
        Ok(SynchronizedNorms(()))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // SAFETY: it is ours alone, and not used again.
        unsafe { zoo_group_free(self.group) };
    }
}

/// Batch norms share their statistics while it lives.
#[derive(Debug)]
pub struct SynchronizedNorms(());

impl Drop for SynchronizedNorms {
    fn drop(&mut self) {
        // SAFETY: null is allowed. Nothing can be done about an error here.
        let _ = unsafe { check(zoo_synchronize_norms(std::ptr::null_mut())) };
    }
}

/// Bytes of gradients that travel together: few, so that the first leave while most of the backward pass is still to come, and
/// enough to be worth their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buckets {
    /// Of the first bucket, which holds the gradients of the last layers.
    pub first: usize,
    /// Of the others.
    pub others: usize,
}

/// How gradients come from process to process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As all tensors of the group do.
    Group,
    /// Through memory that all processes share, which takes a third of the time.
    SharedMemory,
}

/// Words of the error of [`Reducer::new`] where the processes have no memory to share.
pub const NO_SHARED_MEMORY: &str = "there is no memory that all ranks could share";

/// Averages gradients over the processes of a group, bucket by bucket, while the backward pass goes on.
#[derive(Debug)]
pub struct Reducer(*mut c_void);

impl Reducer {
    /// For `parameters` of f32 that need gradients, which must be the same ones in all processes.
    ///
    /// # Errors
    /// Where there are none, or the processes differ, or they have no memory to share.
    pub fn new(group: &Group, parameters: &[&Tensor], buckets: Buckets, way: Way) -> Result<Reducer> {
        let (pointers, mut out) = (pointers(parameters), std::ptr::null_mut());
        // SAFETY: the tensors live through the call; on success `out` is a new reducer that is ours alone.
        unsafe {
            let (length, Buckets { first, others }) = (pointers.len(), buckets);
            let (shares, timeout) = (way == Way::SharedMemory, milliseconds(group.timeout));
            let pointers = pointers.as_ptr();
            check(zoo_reducer_new(group.group, pointers, length, first, others, shares, timeout, &mut out))?;
        }
        Ok(Reducer(out))
    }

    /// Lets the backward pass from `loss`, which is to come next, leave the average over all processes in the gradients. Passes
    /// without this call add to the gradients of this process alone.
    ///
    /// # Errors
    /// Where a process is gone.
    pub fn prepare(&self, loss: &Tensor) -> Result<()> {
        // SAFETY: the tensor lives through the call.
        unsafe { check(zoo_reducer_prepare(self.0, loss.as_ptr())) }
    }
}

impl Drop for Reducer {
    fn drop(&mut self) {
        // SAFETY: it is ours alone, and not used again. Nothing can be done about an error here.
        let _ = unsafe { check(zoo_reducer_free(self.0)) };
    }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn text(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| NativeError::new(format!("`{}` has a zero byte", text.escape_debug())))
}
