//! What the ministry's word does to others: further publishers come and go, lost devices are left alone.

use pishtar_catalog::{Diff, MINISTRY};

use super::Mesh;
use crate::{
    catalog_sync::Listed,
    desk::Cx,
    event::Event,
    holdings,
    ids::{NodeId, Now, PublisherId},
    io::Output,
    why::Sentence,
};

/// Most faults of one publisher that are shown.
const MAX_FAULTS_SHOWN: usize = 16;

impl Mesh {
    /// Applies the ministry's lists as its installed catalogue has them, fresh or not.
    pub(super) fn follow_ministry(&mut self, now: Now) {
        let list = self.catalog.publishers();
        let Listed { joined, left } = self.sync.follow_list(cx!(self, now), list);
        for publisher in joined {
            cx!(self, now).tell(Event::PublisherListed { publisher });
        }
        for publisher in left {
            self.drop_publisher(now, publisher);
        }
        let others: Vec<PublisherId> = self
            .sync
            .ids()
            .filter(|id| *id != MINISTRY)
            .cloned()
            .collect();
        for publisher in others {
            let diff = self.catalog.apply_prefix(&publisher);
            if !diff.is_empty() {
                self.changed(now, publisher, diff);
            }
        }
        self.follow_revocations(now);
    }

    /// The ministry's reason, where it revoked this node's device; may be empty.
    pub fn revocation(&self, peer: NodeId) -> Option<&str> {
        let entry = self.catalog.revoked().get(&peer.0)?;
        Some(&entry.reason)
    }

    /// Told once for each connection: no records are exchanged with this peer.
    pub(super) fn tell_revoked(&mut self, now: Now, peer: NodeId) {
        let reason = self.revocation(peer).unwrap_or_default().to_owned();
        cx!(self, now).tell(Event::DeviceRevoked { peer, reason });
    }

    fn follow_revocations(&mut self, now: Now) {
        let peers: Vec<NodeId> = self.fetch.peers.iter().map(|(peer, _)| *peer).collect();
        for peer in peers {
            match (self.revocation(peer).is_some(), self.exchange.knows(peer)) {
                (true, true) => {
                    self.exchange.disconnected(peer);
                    self.tell_revoked(now, peer);
                }
                (false, false) => self.exchange.connected(cx!(self, now), peer),
                _ => {}
            }
        }
    }

    fn drop_publisher(&mut self, now: Now, publisher: PublisherId) {
        let roles: Vec<String> = self.roles_of(&publisher);
        let diff = self.catalog.remove_publisher(&publisher);
        let cx = cx!(self, now);
        for role in &roles {
            self.fetch.role_changed(cx, &publisher, role);
        }
        let entry = self.catalog.publishers().get(&publisher);
        cx.tell(Event::PublisherGone {
            publisher: publisher.clone(),
            reason: entry.and_then(|entry| entry.revoked.clone()),
            lessons: diff.withdrawn.len() as u64,
        });
        self.changed(now, publisher, diff);
    }

    /// Lessons went without a new catalogue of their publisher.
    fn changed(&mut self, now: Now, publisher: PublisherId, diff: Diff) {
        let roles = self.roles_of(&publisher);
        let cx = cx!(self, now);
        for role in &roles {
            self.fetch.role_changed(cx, &publisher, role);
        }
        self.fetch.follow(cx, &self.choices);
        holdings::ask_again(&mut self.fetch.peers, now.mono);
        self.desk.push(Output::CatalogChanged { publisher, diff });
    }

    fn roles_of(&self, publisher: &str) -> Vec<String> {
        let roles = self.catalog.roles();
        roles
            .filter(|(whose, ..)| *whose == publisher)
            .map(|(_, role, _)| role.to_owned())
            .collect()
    }
}

/// Views of publishers and devices.
impl Mesh {
    /// Is this publisher's metadata in use, so that others may have it?
    pub fn serves_publisher(&self, publisher: &str) -> bool {
        self.sync.serves(publisher)
    }

    /// Publishers of which nothing is used because their state on this node's disk is damaged.
    pub fn damaged_publishers(&self) -> impl Iterator<Item = &PublisherId> {
        self.sync.damaged()
    }

    /// Are records taken from, and given to, this peer? Not when the ministry revoked its device.
    pub fn exchanges_records_with(&self, peer: NodeId) -> bool {
        self.revocation(peer).is_none()
    }

    /// Did the ministry revoke this ed25519 public key: a node's, a learner's device's, a school's?
    pub fn is_revoked(&self, key: &[u8; 32]) -> bool {
        self.catalog.is_revoked(key)
    }

    /// What is wrong with a publisher's catalogue: damaged state, entries that it may not publish or that nobody can read.
    pub fn publisher_faults(&self, publisher: &str) -> Vec<String> {
        let (count, problems) = self.catalog.problems(publisher);
        let damage = self.sync.damage(publisher).map(str::to_owned);
        let mut faults: Vec<String> = damage
            .into_iter()
            .chain(problems.map(ToString::to_string))
            .take(MAX_FAULTS_SHOWN)
            .collect();
        let more = count.saturating_sub(faults.len());
        if more > 0 {
            faults.push(format!("and {more} more entries are left out"));
        }
        faults
    }

    /// What there is to say of a publisher; `None` for one that nobody lists.
    pub fn why_publisher(&self, publisher: &str) -> Option<Vec<Sentence>> {
        let entry = self.catalog.publishers().get(publisher);
        let prefix = match entry {
            Some(entry) => entry.prefix.to_string(),
            None if publisher == MINISTRY => format!("{MINISTRY}/"),
            None => return None,
        };
        if let Some(reason) = entry.and_then(|entry| entry.revoked.clone()) {
            let publisher = publisher.to_owned();
            return Some(vec![Sentence::PublisherRevoked { publisher, reason }]);
        }
        let versions = self.sync.versions();
        let version = versions
            .into_iter()
            .find(|(id, _)| id == publisher)
            .map_or(0, |(_, version)| version);
        let lessons = self.catalog.lessons();
        let mut sentences = vec![Sentence::Publisher {
            publisher: publisher.to_owned(),
            prefix,
            version,
            lessons: lessons
                .filter(|lesson| &*lesson.publisher == publisher)
                .count() as u64,
        }];
        let faults = self.publisher_faults(publisher).into_iter();
        sentences.extend(faults.map(|fault| Sentence::PublisherFault {
            publisher: publisher.to_owned(),
            fault,
        }));
        Some(sentences)
    }
}
