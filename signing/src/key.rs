//! Public and secret keys, key ids, and the one rule by which signatures reach a threshold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ed25519_dalek::Signer as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::canonical::to_canonical;

mod material;
mod pem;
mod spki;

use material::Material;

/// Most signatures one file may carry. Each costs a verification, so this bounds what a hostile file can cost.
pub const MAX_SIGNATURES: usize = 256;

/// Name of a key within one file's key list. Ours are the lower-case hex SHA-256 of the key's canonical JSON (TUF 4.2);
/// nothing is concluded from it, since keys are told apart by their value ([`RoleKeys::valid_signers`]).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(pub String);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One entry of a file's `signatures`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The key that is said to have signed.
    pub keyid: KeyId,
    /// Hex; empty where a signer left room for an offline signature.
    pub sig: String,
}

/// Which keys may sign for a role and how many distinct ones must (TUF 4.3 `ROLE`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleKeys {
    /// Ids of the keys allowed to sign.
    pub keyids: BTreeSet<KeyId>,
    /// How many distinct keys must have signed; at least 1.
    pub threshold: u64,
}

/// A public key as metadata carry it, fields that we do not know included.
///
/// A key of a kind that we cannot verify is kept and written back, and never counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    json: Map<String, Value>,
    material: Material,
    identity: Identity,
}

/// Which key this is by its value, whatever it is called and however it is written.
type Identity = [u8; 32];

impl PublicKey {
    /// The TUF form of a raw ed25519 public key.
    pub fn ed25519(public: [u8; 32]) -> PublicKey {
        let Value::Object(json) = json!({
            "keytype": "ed25519",
            "scheme": "ed25519",
            "keyval": {"public": hex::encode(public)},
        }) else {
            unreachable!("the literal above is an object")
        };
        let material = Material::Ed25519(public);
        PublicKey {
            json,
            identity: material.identity(),
            material,
        }
    }

    /// Reads a key object of `keys`.
    ///
    /// # Errors
    /// A sentence naming the field that is missing or of the wrong type. A key type that is merely unknown is no error.
    pub fn from_json(json: Map<String, Value>) -> Result<PublicKey, String> {
        let text = |name: &str| {
            json.get(name)
                .and_then(Value::as_str)
                .ok_or(format!("a key has no text `{name}`"))
        };
        let (keytype, scheme) = (text("keytype")?, text("scheme")?);
        let keyval = json
            .get("keyval")
            .and_then(Value::as_object)
            .ok_or("a key has no object `keyval`")?;
        let public = keyval
            .get("public")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let material = Material::read(keytype, scheme, public);
        Ok(PublicKey {
            json,
            identity: material.identity(),
            material,
        })
    }

    /// The key object as metadata carry it.
    pub fn to_json(&self) -> &Map<String, Value> {
        &self.json
    }

    /// The key's id: hash of type, scheme and value only, as the reference tools compute it.
    pub fn id(&self) -> KeyId {
        let core: Map<String, Value> = ["keytype", "scheme", "keyval"]
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), self.json.get(*name)?.clone())))
            .collect();
        // A float inside `keyval` has no canonical form; the empty id then matches nothing.
        to_canonical(&Value::Object(core)).map_or(KeyId(String::new()), |bytes| {
            KeyId(hex::encode(Sha256::digest(bytes)))
        })
    }

    /// Whether `sig_hex` is this key's signature of `message`; false for anything unreadable.
    pub fn verify(&self, message: &[u8], sig_hex: &str) -> bool {
        hex::decode(sig_hex).is_ok_and(|signature| self.material.verify(message, &signature))
    }

    /// Whether this build can verify signatures of this key at all.
    pub fn is_usable(&self) -> bool {
        self.material != Material::Unusable
    }
}

impl RoleKeys {
    /// A role signed by `threshold` of the given keys.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a PublicKey>, threshold: u64) -> RoleKeys {
        RoleKeys {
            keyids: keys.into_iter().map(PublicKey::id).collect(),
            threshold,
        }
    }

    /// The keys of this role whose signature of `message` is valid.
    ///
    /// One key counts once, however many ids, spellings, schemes or signatures it appears under; a bad or empty
    /// signature is passed over. An id need not be its key's hash: an id that vouches for nothing can forge nothing.
    pub fn valid_signers(
        &self,
        keys: &BTreeMap<KeyId, PublicKey>,
        message: &[u8],
        signatures: &[Signature],
    ) -> Signers {
        let mut signers = Signers::default();
        for signature in signatures.iter().take(MAX_SIGNATURES) {
            if !self.keyids.contains(&signature.keyid) {
                continue;
            }
            let Some(key) = keys.get(&signature.keyid) else {
                continue;
            };
            if !signers.0.contains_key(&key.identity) && key.verify(message, &signature.sig) {
                signers.0.insert(key.identity, signature.keyid.clone());
            }
        }
        signers
    }

    /// Whether `signers`, found valid under some earlier key list, still reach this role's threshold with the keys that
    /// `keys` now gives its ids.
    pub fn is_met_by(&self, keys: &BTreeMap<KeyId, PublicKey>, signers: &Signers) -> bool {
        let standing: BTreeSet<&Identity> = self
            .keyids
            .iter()
            .filter_map(|id| Some(&keys.get(id)?.identity))
            .filter(|identity| signers.0.contains_key(*identity))
            .collect();
        self.threshold >= 1 && standing.len() as u64 >= self.threshold
    }
}

/// Distinct keys whose signature of one file was found valid.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signers(BTreeMap<Identity, KeyId>);

impl Signers {
    /// The ids under which they signed.
    pub fn iter(&self) -> impl Iterator<Item = &KeyId> {
        self.0.values()
    }

    /// How many distinct keys.
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// Adds signers of the very same bytes that were found valid under another key list.
    pub(crate) fn extend(&mut self, others: &Signers) {
        let others = others
            .0
            .iter()
            .map(|(identity, id)| (*identity, id.clone()));
        self.0.extend(others);
    }

    /// Whether one of them signed as `id`.
    pub fn contains(&self, id: &KeyId) -> bool {
        self.0.values().any(|known| known == id)
    }
}

/// An ed25519 secret key. Erased from memory on drop; never printed.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key that this 32-byte secret seed stands for. The caller draws the seed from the operating system.
    pub fn from_seed(seed: [u8; 32]) -> SigningKey {
        SigningKey(ed25519_dalek::SigningKey::from_bytes(&seed))
    }

    /// The secret seed, to be written to a key file that only its owner reads.
    pub fn seed(&self) -> zeroize::Zeroizing<[u8; 32]> {
        zeroize::Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey::ed25519(self.0.verifying_key().to_bytes())
    }

    /// Signs `message`.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature {
            keyid: self.public().id(),
            sig: hex::encode(self.0.sign(message).to_bytes()),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public().id())
    }
}

#[cfg(test)]
mod tests;
