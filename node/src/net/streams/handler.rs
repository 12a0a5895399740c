//! The part of the stream behaviour that lives with one connection.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
    time::Duration,
};

use libp2p::{
    StreamProtocol,
    core::upgrade::{InboundUpgrade, ReadyUpgrade, UpgradeInfo},
    swarm::{
        self, ConnectionHandler, ConnectionHandlerEvent, StreamUpgradeError, SubstreamProtocol,
        handler::{
            ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
        },
    },
};

use super::{OpenError, OpenReply, OpenRequest};
use crate::net::protocol::Protocol;

/// Streams being opened on one connection at most; more are refused at once instead of queueing.
const MAX_OPENING: usize = 64;

/// How long the peer may take to agree to a stream.
const NEGOTIATION_DEADLINE: Duration = Duration::from_secs(5);

/// Opens and accepts the streams of one connection.
#[derive(Default)]
pub(crate) struct Handler {
    wanted: VecDeque<OpenRequest>,
    opening: usize,
    accepted: VecDeque<(Protocol, swarm::Stream)>,
}

/// A stream being negotiated: which protocol, and who waits for it.
type Pending = (Protocol, OpenReply);

impl ConnectionHandler for Handler {
    type FromBehaviour = OpenRequest;
    type ToBehaviour = (Protocol, swarm::Stream);
    type InboundProtocol = Accept;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Pending;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(Accept, ()).with_timeout(NEGOTIATION_DEADLINE)
    }

    // A LAN neighbour is worth a quiet connection: hints arrive over it, and the limits bound
    // their number. Dead ones are found by ping.
    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<
        ConnectionHandlerEvent<Self::OutboundProtocol, Self::OutboundOpenInfo, Self::ToBehaviour>,
    > {
        if let Some(accepted) = self.accepted.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(accepted));
        }
        while let Some(OpenRequest { protocol, reply }) = self.wanted.pop_front() {
            if reply.is_closed() {
                continue;
            }
            self.opening += 1;
            let upgrade = ReadyUpgrade::new(protocol.name());
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                protocol: SubstreamProtocol::new(upgrade, (protocol, reply))
                    .with_timeout(NEGOTIATION_DEADLINE),
            });
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, request: OpenRequest) {
        if self.wanted.len() + self.opening >= MAX_OPENING {
            drop(request.reply.send(Err(OpenError::TooMany)));
        } else {
            self.wanted.push_back(request);
        }
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<
            '_,
            Self::InboundProtocol,
            Self::OutboundProtocol,
            Self::InboundOpenInfo,
            Self::OutboundOpenInfo,
        >,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (protocol, stream),
                ..
            }) => self.accepted.push_back((protocol, stream)),
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: stream,
                info: (_, reply),
            }) => {
                self.opening = self.opening.saturating_sub(1);
                // When the asker gave up the stream is dropped, which resets it.
                drop(reply.send(Ok(stream)));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError {
                info: (protocol, reply),
                error,
            }) => {
                self.opening = self.opening.saturating_sub(1);
                drop(reply.send(Err(open_error(protocol, error))));
            }
            _ => {}
        }
    }
}

fn open_error(protocol: Protocol, error: StreamUpgradeError<Infallible>) -> OpenError {
    match error {
        StreamUpgradeError::Timeout => OpenError::Deadline,
        StreamUpgradeError::NegotiationFailed => OpenError::Unsupported(protocol),
        StreamUpgradeError::Io(source) => OpenError::Io(source),
        StreamUpgradeError::Apply(never) => match never {},
    }
}

/// Accepts any of our protocols.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accept;

impl UpgradeInfo for Accept {
    type Info = StreamProtocol;
    type InfoIter = std::array::IntoIter<StreamProtocol, 4>;

    fn protocol_info(&self) -> Self::InfoIter {
        Protocol::ALL.map(Protocol::name).into_iter()
    }
}

impl InboundUpgrade<swarm::Stream> for Accept {
    type Output = (Protocol, swarm::Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Self::Error>>;

    fn upgrade_inbound(self, stream: swarm::Stream, name: StreamProtocol) -> Self::Future {
        let protocol =
            Protocol::from_name(&name).expect("only names of protocol_info are negotiated");
        ready(Ok((protocol, stream)))
    }
}
