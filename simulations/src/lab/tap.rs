//! TAP devices: an interface of a namespace whose frames this process reads and writes.

use std::{
    fs::{File, OpenOptions},
    io,
    os::{fd::AsRawFd, unix::fs::OpenOptionsExt},
    thread,
    time::Duration,
};

use super::{LabError, namespace::Namespace};

/// Creates the interface `name` inside a namespace. It disappears when the file is closed.
///
/// # Errors
/// [`LabError::Io`] when the machine has no `/dev/net/tun` or does not allow it.
pub(super) fn create(namespace: &Namespace, name: &str) -> Result<File, LabError> {
    let inside = namespace.name().to_owned();
    let interface = name.to_owned();
    // A thread of its own: the namespace is left with the thread, whatever happens.
    let made = thread::spawn(move || create_here(&inside, &interface)).join();
    let made = made.unwrap_or_else(|_| Err(io::Error::other("the thread that makes it failed")));
    made.map_err(|source| LabError::Io {
        what: format!("the TAP device {name} in {}", namespace.name()),
        source,
    })
}

#[expect(
    unsafe_code,
    reason = "setns and TUNSETIFF have no safe form in the crates of this workspace"
)]
fn create_here(namespace: &str, name: &str) -> io::Result<File> {
    let target = File::open(format!("/run/netns/{namespace}"))?;
    // SAFETY: the descriptor is open for the duration of the call; the call changes this thread only.
    if unsafe { libc::setns(target.as_raw_fd(), libc::CLONE_NEWNET) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK);
    let tap = options.open("/dev/net/tun")?;
    // SAFETY: all-zero is a valid `ifreq`, which is plain data.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays zero: the kernel reads a C string.
    let room = request.ifr_name.len() - 1;
    for (to, from) in request.ifr_name[..room].iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: TUNSETIFF reads and writes one `ifreq`, which lives through the call.
    if unsafe { libc::ioctl(tap.as_raw_fd(), libc::TUNSETIFF, &mut request) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(tap)
}

/// Waits until one of the files has something to read, at most `limit`.
#[expect(
    unsafe_code,
    reason = "ppoll has no safe form in the crates of this workspace"
)]
pub(super) fn wait_readable(polled: &mut [libc::pollfd], limit: Duration) {
    let limit = libc::timespec {
        tv_sec: libc::time_t::try_from(limit.as_secs()).unwrap_or(1),
        tv_nsec: limit.subsec_nanos().into(),
    };
    let count = polled.len() as libc::nfds_t;
    // SAFETY: pointer and length are of one slice that nobody else sees; a failure leaves it unchanged, and
    // the caller reads without blocking anyway.
    unsafe { libc::ppoll(polled.as_mut_ptr(), count, &limit, std::ptr::null()) };
}

/// What [`wait_readable`] wants to know about a file.
pub(super) fn polled(file: &File) -> libc::pollfd {
    libc::pollfd {
        fd: file.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    }
}

/// Lets this thread go before others, so that delays are kept on a busy machine.
#[expect(
    unsafe_code,
    reason = "setpriority has no safe form in the crates of this workspace"
)]
pub(super) fn go_first() {
    // SAFETY: plain numbers; 0 is the calling thread. Where it is not allowed, delays are less exact.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -15) };
}
