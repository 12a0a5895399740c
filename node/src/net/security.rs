//! Who is at the other end, and nobody between: Noise XX, with the cipher that both processors are good at.
//!
//! libp2p's own Noise has ChaCha20-Poly1305 only, which takes a fifth of a fast transfer's processor time where AES is an
//! instruction. Nodes whose processors have it offer [`aes`] first; everybody speaks `/noise`.

mod aes;
#[cfg(test)]
mod tests;

use std::io;

use futures::{
    AsyncRead, AsyncWrite, FutureExt,
    future::{BoxFuture, Either},
    io::BufReader,
};
use libp2p::{
    PeerId,
    core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo},
    identity::Keypair,
    noise,
};

/// Bytes read from the socket at once. libp2p's Noise reads 8 KiB at a time, which would be one system
/// call for each 8 KiB received; more than this gains nothing and costs memory per connection.
const READ_BUFFER_BYTES: usize = 128 * 1024;

/// A stream that only the two ends can read.
pub(super) type Secured<C> = Either<aes::Output<C>, noise::Output<BufReader<C>>>;

/// The upgrade of a connection to one whose other end has proved its id.
#[derive(Clone)]
pub(super) struct Config {
    /// Where AES is fast.
    aes: Option<aes::Config>,
    noise: noise::Config,
}

impl Config {
    /// Only who has the same `prologue` is understood.
    ///
    /// # Errors
    /// When the key cannot sign the handshake, which does not happen with ed25519 keys.
    pub(super) fn new(keypair: &Keypair, prologue: &[u8]) -> io::Result<Config> {
        Config::with_aes(keypair, prologue, aes_is_fast())
    }

    fn with_aes(keypair: &Keypair, prologue: &[u8], fast: bool) -> io::Result<Config> {
        let noise = noise::Config::new(keypair).map_err(io::Error::other)?;
        let aes = fast.then(|| aes::Config::new(keypair, prologue));
        Ok(Config {
            aes: aes.transpose()?,
            noise: noise.with_prologue(prologue.to_vec()),
        })
    }

    fn upgrade<C>(self, socket: C, name: &'static str, end: End) -> Upgrading<C>
    where
        C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        match self.aes.filter(|_| name == aes::NAME) {
            Some(aes) => async move {
                let (peer, output) = aes.handshake(socket, end).await?;
                Ok((peer, Either::Left(output)))
            }
            .boxed(),
            None => {
                let socket = BufReader::with_capacity(READ_BUFFER_BYTES, socket);
                let upgrading = match end {
                    End::Dialer => self.noise.upgrade_outbound(socket, name),
                    End::Listener => self.noise.upgrade_inbound(socket, name),
                };
                upgrading
                    .map(|done| {
                        let (peer, output) = done.map_err(io::Error::other)?;
                        Ok((peer, Either::Right(output)))
                    })
                    .boxed()
            }
        }
    }
}

/// Which end of the connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Dialer,
    Listener,
}

type Upgrading<C> = BoxFuture<'static, io::Result<(PeerId, Secured<C>)>>;

impl UpgradeInfo for Config {
    type Info = &'static str;
    type InfoIter = std::vec::IntoIter<&'static str>;

    fn protocol_info(&self) -> Self::InfoIter {
        let aes = self.aes.as_ref().map(|_| aes::NAME);
        let names: Vec<_> = aes.into_iter().chain(self.noise.protocol_info()).collect();
        names.into_iter()
    }
}

impl<C> InboundConnectionUpgrade<C> for Config
where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Output = (PeerId, Secured<C>);
    type Error = io::Error;
    type Future = Upgrading<C>;

    fn upgrade_inbound(self, socket: C, name: Self::Info) -> Self::Future {
        self.upgrade(socket, name, End::Listener)
    }
}

impl<C> OutboundConnectionUpgrade<C> for Config
where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Output = (PeerId, Secured<C>);
    type Error = io::Error;
    type Future = Upgrading<C>;

    fn upgrade_outbound(self, socket: C, name: Self::Info) -> Self::Future {
        self.upgrade(socket, name, End::Dialer)
    }
}

/// Whether the processor computes AES and the hash that goes with it by itself. Without that AES-GCM takes several times as
/// long as ChaCha20-Poly1305: cheap boards must not be asked for it.
fn aes_is_fast() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("aes") && is_x86_feature_detected!("pclmulqdq");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes")
        && std::arch::is_aarch64_feature_detected!("pmull");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}
