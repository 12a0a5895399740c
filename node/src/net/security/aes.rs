//! `/pishtar/noise-aesgcm/1`: Noise_XX_25519_AESGCM_SHA256 (Noise Protocol Framework, revision 34).
//!
//! The handshake is that of libp2p's Noise, with another cipher and a plainer payload: the signature of the node's key over
//! the static key, 64 bytes, then the node's public key as libp2p encodes it. `snow` keeps the states, `ring` computes the
//! cipher; here are the framing and the check of the signature. A frame is its length (u16, big endian) and a Noise message
//! of that length, never an empty one.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{
    PeerId,
    identity::{Keypair, PublicKey},
};
use snow::{
    Builder, HandshakeState, TransportState,
    resolvers::{DefaultResolver, FallbackResolver, RingResolver},
};
use zeroize::Zeroizing;

use super::End;

/// As negotiated.
pub(super) const NAME: &str = "/pishtar/noise-aesgcm/1";
const PATTERN: &str = "Noise_XX_25519_AESGCM_SHA256";
/// Before the static key, in what the node's key signs.
const SIGNED_DOMAIN: &[u8] = b"pishtar noise-aesgcm static key 1\n";
const SIGNATURE_BYTES: usize = 64;
/// A handshake message at most: keys, signature and tags take some 250 bytes.
const MAX_HANDSHAKE_BYTES: usize = 512;

const LENGTH_BYTES: usize = 2;
const TAG_BYTES: usize = 16;
/// A Noise message at most (section 3 of the framework).
const MAX_MESSAGE_BYTES: usize = 65_535;
const MAX_PLAIN_BYTES: usize = MAX_MESSAGE_BYTES - TAG_BYTES;
const MAX_FRAME_BYTES: usize = LENGTH_BYTES + MAX_MESSAGE_BYTES;
/// Read from the socket at once: a few frames, so that few are cut at the end and moved to the front.
const INPUT_BYTES: usize = 256 * 1024;
/// Sealed bytes that may wait for the socket.
const SEALED_BYTES: usize = 2 * MAX_FRAME_BYTES;

/// What a node needs to prove who it is.
#[derive(Clone)]
pub(super) struct Config(Arc<Keys>);

struct Keys {
    secret: Zeroizing<Vec<u8>>,
    /// What the other end is told inside the handshake.
    proof: Vec<u8>,
    prologue: Vec<u8>,
}

impl Config {
    /// A fresh static key, vouched for by the node's.
    ///
    /// # Errors
    /// When the system has no randomness or the key cannot sign.
    pub(super) fn new(keypair: &Keypair, prologue: &[u8]) -> io::Result<Config> {
        let pair = builder().generate_keypair().map_err(failed)?;
        let signed = [SIGNED_DOMAIN, &pair.public].concat();
        let mut proof = keypair.sign(&signed).map_err(io::Error::other)?;
        if proof.len() != SIGNATURE_BYTES {
            return Err(io::Error::other("nodes have ed25519 keys"));
        }
        proof.extend(keypair.public().encode_protobuf());
        Ok(Config(Arc::new(Keys {
            secret: Zeroizing::new(pair.private),
            proof,
            prologue: prologue.to_vec(),
        })))
    }

    /// Proves to the other end who this is, and learns who that is.
    ///
    /// # Errors
    /// When the stream fails, the other end has another prologue, or does not prove its id.
    pub(super) async fn handshake<S>(
        self,
        mut socket: S,
        end: End,
    ) -> io::Result<(PeerId, Output<S>)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let keys = &*self.0;
        let builder = builder()
            .local_private_key(&keys.secret)
            .and_then(|builder| builder.prologue(&keys.prologue))
            .map_err(failed)?;
        let mut state = match end {
            End::Dialer => builder.build_initiator(),
            End::Listener => builder.build_responder(),
        }
        .map_err(failed)?;
        let theirs = match end {
            End::Dialer => {
                say(&mut socket, &mut state, &[]).await?;
                let theirs = hear(&mut socket, &mut state).await?;
                say(&mut socket, &mut state, &keys.proof).await?;
                theirs
            }
            End::Listener => {
                let nothing = hear(&mut socket, &mut state).await?;
                if !nothing.is_empty() {
                    return Err(malformed("a handshake begins with a payload"));
                }
                say(&mut socket, &mut state, &keys.proof).await?;
                hear(&mut socket, &mut state).await?
            }
        };
        let peer = proved(&state, &theirs)?;
        let session = state.into_transport_mode().map_err(failed)?;
        Ok((peer, Output::new(socket, session)))
    }
}

fn builder<'k>() -> Builder<'k> {
    let resolver = FallbackResolver::new(Box::new(RingResolver), Box::new(DefaultResolver));
    let pattern = PATTERN.parse().expect("a pattern of the framework");
    Builder::with_resolver(pattern, Box::new(resolver))
}

/// The id of the other end, whose key must have signed the static key that the handshake was made with.
fn proved(state: &HandshakeState, proof: &[u8]) -> io::Result<PeerId> {
    let (signature, key) = proof
        .split_at_checked(SIGNATURE_BYTES)
        .ok_or_else(|| malformed("a proof of identity is too short"))?;
    let key = PublicKey::try_decode_protobuf(key)
        .map_err(|_| malformed("a proof of identity names no key"))?;
    let static_key = state.get_remote_static().unwrap_or_default();
    if static_key.is_empty() || !key.verify(&[SIGNED_DOMAIN, static_key].concat(), signature) {
        return Err(malformed("a node does not prove its identity"));
    }
    Ok(key.to_peer_id())
}

async fn say<S: AsyncWrite + Unpin>(
    socket: &mut S,
    state: &mut HandshakeState,
    payload: &[u8],
) -> io::Result<()> {
    let mut message = [0; LENGTH_BYTES + MAX_HANDSHAKE_BYTES];
    let length = state
        .write_message(payload, &mut message[LENGTH_BYTES..])
        .map_err(failed)?;
    message[..LENGTH_BYTES].copy_from_slice(&length_of(length));
    socket.write_all(&message[..LENGTH_BYTES + length]).await?;
    socket.flush().await
}

async fn hear<S: AsyncRead + Unpin>(
    socket: &mut S,
    state: &mut HandshakeState,
) -> io::Result<Vec<u8>> {
    let mut length = [0; LENGTH_BYTES];
    socket.read_exact(&mut length).await?;
    let length = usize::from(u16::from_be_bytes(length));
    if length > MAX_HANDSHAKE_BYTES {
        return Err(malformed("a message of the handshake is too long"));
    }
    let mut message = vec![0; length];
    socket.read_exact(&mut message).await?;
    let mut payload = vec![0; MAX_HANDSHAKE_BYTES];
    let read = state.read_message(&message, &mut payload).map_err(failed)?;
    payload.truncate(read);
    Ok(payload)
}

/// A stream of frames over a socket. After an error it is of no use.
///
/// Always true: `input[input_at..input_end]` came and is not opened yet, `plain[plain_at..plain_end]` is opened and not
/// read yet, `sealed[sealed_at..sealed_end]` is not sent yet.
pub(crate) struct Output<S> {
    socket: S,
    session: TransportState,
    input: Box<[u8]>,
    input_at: usize,
    input_end: usize,
    plain: Box<[u8]>,
    plain_at: usize,
    plain_end: usize,
    sealed: Box<[u8]>,
    sealed_at: usize,
    sealed_end: usize,
}

impl<S> Output<S> {
    fn new(socket: S, session: TransportState) -> Output<S> {
        // Fresh memory of the system counts only where it is touched: a quiet connection touches little.
        let zeroed = |bytes| vec![0; bytes].into_boxed_slice();
        Output {
            socket,
            session,
            input: zeroed(INPUT_BYTES),
            input_at: 0,
            input_end: 0,
            plain: zeroed(MAX_MESSAGE_BYTES),
            plain_at: 0,
            plain_end: 0,
            sealed: zeroed(SEALED_BYTES),
            sealed_at: 0,
            sealed_end: 0,
        }
    }

    /// The length of the next frame's message, if all of it came.
    fn whole_frame(&self) -> Option<usize> {
        let came = &self.input[self.input_at..self.input_end];
        let (length, rest) = came.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length));
        (rest.len() >= length).then_some(length)
    }

    /// Opens the next frame, of `length` bytes: straight into `buf` where it fits, and gives how much that is; else into
    /// `plain`.
    fn open(&mut self, length: usize, buf: &mut [u8]) -> io::Result<usize> {
        if length <= TAG_BYTES {
            return Err(malformed("a frame is empty"));
        }
        let start = self.input_at + LENGTH_BYTES;
        let message = &self.input[start..start + length];
        // With room for the tag snow decrypts in place.
        let direct = buf.len() >= length;
        let to = if direct { buf } else { &mut *self.plain };
        let opened = self.session.read_message(message, to).map_err(failed)?;
        self.input_at = start + length;
        if self.input_at == self.input_end {
            (self.input_at, self.input_end) = (0, 0);
        }
        if direct {
            return Ok(opened);
        }
        (self.plain_at, self.plain_end) = (0, opened);
        Ok(0)
    }

    /// What is opened already, as much as fits.
    fn give(&mut self, buf: &mut [u8]) -> usize {
        let left = &self.plain[self.plain_at..self.plain_end];
        let given = left.len().min(buf.len());
        buf[..given].copy_from_slice(&left[..given]);
        self.plain_at += given;
        given
    }

    fn seal(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = &mut self.sealed[self.sealed_end..];
        let (length, message) = room.split_at_mut(LENGTH_BYTES);
        let sealed = self.session.write_message(bytes, message).map_err(failed)?;
        length.copy_from_slice(&length_of(sealed));
        self.sealed_end += LENGTH_BYTES + sealed;
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Output<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            if this.plain_at < this.plain_end {
                return Poll::Ready(Ok(this.give(buf)));
            }
            if let Some(length) = this.whole_frame() {
                match this.open(length, buf)? {
                    0 => continue,
                    opened => return Poll::Ready(Ok(opened)),
                }
            }
            if this.input.len() - this.input_at < MAX_FRAME_BYTES {
                this.input.copy_within(this.input_at..this.input_end, 0);
                this.input_end -= this.input_at;
                this.input_at = 0;
            }
            let room = &mut this.input[this.input_end..];
            let came = ready!(Pin::new(&mut this.socket).poll_read(cx, room))?;
            if came == 0 {
                let cut = this.input_at < this.input_end;
                let end = if cut {
                    Err(io::ErrorKind::UnexpectedEof.into())
                } else {
                    Ok(0)
                };
                return Poll::Ready(end);
            }
            this.input_end += came;
        }
    }
}

impl<S: AsyncWrite + Unpin> Output<S> {
    /// Gives the socket all that is sealed.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sealed_at < self.sealed_end {
            let waiting = &self.sealed[self.sealed_at..self.sealed_end];
            match ready!(Pin::new(&mut self.socket).poll_write(cx, waiting))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.sealed_at += sent,
            }
        }
        (self.sealed_at, self.sealed_end) = (0, 0);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Output<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let taken = buf.len().min(MAX_PLAIN_BYTES);
        if taken == 0 {
            return Poll::Ready(Ok(0));
        }
        if this.sealed.len() - this.sealed_end < LENGTH_BYTES + taken + TAG_BYTES {
            ready!(this.poll_drain(cx))?;
        }
        this.seal(&buf[..taken])?;
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.socket).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.socket).poll_close(cx)
    }
}

fn length_of(message: usize) -> [u8; LENGTH_BYTES] {
    let length = u16::try_from(message).expect("a Noise message has at most 65,535 bytes");
    length.to_be_bytes()
}

fn failed(error: snow::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
impl Config {
    /// One who says to be the node of `keypair`, and has not its key.
    pub(super) fn impostor(keypair: &Keypair, prologue: &[u8]) -> Config {
        let own = Config::new(&Keypair::generate_ed25519(), prologue).expect("it signs");
        let mut proof = own.0.proof[..SIGNATURE_BYTES].to_vec();
        proof.extend(keypair.public().encode_protobuf());
        Config(Arc::new(Keys {
            secret: own.0.secret.clone(),
            proof,
            prologue: prologue.to_vec(),
        }))
    }
}
