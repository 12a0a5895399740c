//! The pages' listener: what one browser may take of this device before it has asked for anything.

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Router, extract::ConnectInfo};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{tls::Tls, who::Https};
use crate::engine::clock::Clock;

/// How long open downloads may go on after the node was told to stop.
const GOODBYE: Duration = if cfg!(test) {
    Duration::from_millis(20)
} else {
    Duration::from_secs(2)
};
/// After the system refused a connection (too many open files) it is left alone for this long.
const BREATH: Duration = Duration::from_millis(100);

/// What browsers may take together and each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Time for the head of a request, from the end of the answer before it (default 20 s). Lower:
    /// slow Wi-Fi is cut off; higher: a slow sender holds its place longer.
    pub(crate) head: Duration,
    /// Connections altogether (default 1,024): each holds a socket and some 10 KiB; a paused player holds one.
    pub(crate) total: usize,
    /// Connections of one address (default 96): a browser opens six, one host must not take all.
    pub(crate) per_address: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            head: Duration::from_secs(20),
            total: 1_024,
            per_address: 96,
        }
    }
}

/// Connections of each address. Always true: no address stands here with none.
type Counts = Arc<Mutex<BTreeMap<IpAddr, usize>>>;

/// The right to one connection.
struct Place {
    _of_all: OwnedSemaphorePermit,
    address: IpAddr,
    counts: Counts,
}

impl Place {
    fn take(
        of_all: OwnedSemaphorePermit,
        address: IpAddr,
        counts: &Counts,
        most: usize,
    ) -> Option<Place> {
        let mut all = counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(address).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(all);
        Some(Place {
            _of_all: of_all,
            address,
            counts: counts.clone(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.address);
            }
        }
    }
}

/// What a TLS connection begins with: a handshake record (RFC 8446, 5.1); no HTTP method does.
const HANDSHAKE: u8 = 0x16;

/// Serves `router` until `shutdown`; what is open then gets [`GOODBYE`]. HTTP and, with `tls`, HTTPS come to the same port:
/// the first byte tells them apart.
///
/// # Errors
/// What the listener said.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<Arc<Tls>>,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (places, counts) = (Arc::new(Semaphore::new(limits.total)), Counts::default());
    let (tasks, stop, cut) = (
        TaskTracker::new(),
        CancellationToken::new(),
        CancellationToken::new(),
    );
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = async {
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = &mut shutdown => break,
            accepted = accepted => accepted,
        };
        let Ok(place) = place else { break };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "a browser's connection was not accepted");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        // One address too many is closed without a word.
        let Some(place) = Place::take(place, from.ip(), &counts, limits.per_address) else {
            continue;
        };
        let router = router.clone().layer(axum::Extension(ConnectInfo(from)));
        let connection = connection(stream, router, tls.clone(), limits.head, stop.clone());
        let cut = cut.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = connection => {}
                () = cut.cancelled() => {}
            }
            drop(place);
        });
    }
    stop.cancel();
    tasks.close();
    // Whether or not all are done by then, the rest is cut off.
    let _ = tokio::time::timeout(GOODBYE, tasks.wait()).await;
    cut.cancel();
    tasks.wait().await;
    Ok(())
}

async fn connection(
    stream: TcpStream,
    router: Router,
    tls: Option<Arc<Tls>>,
    head: Duration,
    stop: CancellationToken,
) {
    // Small answers go out at once instead of waiting to fill a packet.
    let _ = stream.set_nodelay(true);
    let mut first = [0];
    let peeked = tokio::select! {
        peeked = tokio::time::timeout(head, stream.peek(&mut first)) => peeked,
        () = stop.cancelled() => return,
    };
    if !matches!(peeked, Ok(Ok(1))) {
        return;
    }
    if first != [HANDSHAKE] {
        return speak(stream, router, head, stop).await;
    }
    // Who asks for HTTPS where there is none gets no plain answer.
    let Some(tls) = tls else { return };
    match tokio::time::timeout(head, encrypt(stream, &tls)).await {
        Ok(Ok(stream)) => speak(stream, router.layer(axum::Extension(Https)), head, stop).await,
        // Most often a browser whose owner has not added the CA yet.
        Ok(Err(error)) => tracing::trace!(error, "a browser did not agree on HTTPS"),
        Err(_) => {}
    }
}

async fn encrypt(
    stream: TcpStream,
    tls: &Tls,
) -> Result<tokio_rustls::server::TlsStream<TcpStream>, String> {
    let address = stream.local_addr().map_err(|error| error.to_string())?;
    let acceptor = tls.acceptor(address.ip(), Clock::start().now().wall)?;
    let accepted = acceptor.accept(stream).await;
    accepted.map_err(|error| error.to_string())
}

/// Answers requests until the browser is gone, too slow, or `stop`.
async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    router: Router,
    head: Duration,
    stop: CancellationToken,
) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = &mut served => ended,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        // Slow, garbled or gone: the browser's matter.
        tracing::trace!(%error, "a browser's connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::web::{router, testing::World};

    async fn listening(limits: Limits) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = router(World::new());
        tokio::spawn(serve(
            listener,
            router,
            None,
            limits,
            std::future::pending(),
        ));
        address
    }

    async fn ask(address: SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head =
            format!("GET /api/status HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        answer
    }

    #[tokio::test]
    async fn heads_that_trickle_in_are_cut_off_and_others_are_served_meanwhile() {
        let limits = Limits {
            head: Duration::from_millis(300),
            ..Limits::default()
        };
        let address = listening(limits).await;
        let mut slow = Vec::new();
        for _ in 0..40 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHo").await.unwrap();
            slow.push(stream);
        }
        assert!(ask(address).await.starts_with("HTTP/1.1 200"));
        for mut stream in slow {
            // A byte now and then does not help.
            let _ = stream.write_all(b"s").await;
            let mut rest = Vec::new();
            let ended =
                tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest));
            assert!(ended.await.is_ok(), "a slow sender kept its place");
        }
    }

    #[tokio::test]
    async fn one_address_gets_its_share_of_places_and_has_it_back_when_it_lets_go() {
        let limits = Limits {
            per_address: 3,
            ..Limits::default()
        };
        let address = listening(limits).await;
        let mut held = Vec::new();
        for _ in 0..3 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let head = format!("GET /api/status HTTP/1.1\r\nHost: {address}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            // Once it is answered, it surely counts.
            let mut answer = [0; 8];
            stream.read_exact(&mut answer).await.unwrap();
            held.push(stream);
        }
        assert_eq!(ask(address).await, "", "a fourth is closed");
        held.pop();
        let freed = async {
            while !ask(address).await.starts_with("HTTP/1.1 200") {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), freed)
            .await
            .unwrap();
    }
}
