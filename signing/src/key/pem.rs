//! Public keys as PEM files (RFC 7468, `SubjectPublicKeyInfo`): what OpenSSL, smart cards and HSMs hand out.

use data_encoding::BASE64;
use serde_json::{Map, Value, json};

use super::PublicKey;

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";
/// An ed25519 `SubjectPublicKeyInfo` (RFC 8410) up to the 32 bytes of the key.
const ED25519_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// Key types and schemes that PEM text may stand for, with the words that TUF has for them.
const KINDS: [(&str, &str); 3] = [
    ("ecdsa", "ecdsa-sha2-nistp256"),
    ("ecdsa", "ecdsa-sha2-nistp384"),
    ("rsa", "rsassa-pss-sha256"),
];
/// A `SubjectPublicKeyInfo` of an RSA key of 2048 bits has 294 bytes.
const SHORTEST_RSA: usize = 290;

impl PublicKey {
    /// Reads a PEM public key: ed25519, ECDSA on P-256, or RSA of at least 2048 bits, which then signs with PSS and SHA-256.
    ///
    /// # Errors
    /// A sentence that says what the text is instead.
    pub fn from_pem(text: &str) -> Result<PublicKey, String> {
        if text.contains("PRIVATE KEY") {
            return Err("it is a private key; give the public one, and keep this one where only its owner reads it".into());
        }
        let begin = text
            .find(BEGIN)
            .ok_or("there is no `BEGIN PUBLIC KEY` in it")?;
        let end = text.find(END).ok_or("there is no `END PUBLIC KEY` in it")?;
        let body = text.get(begin + BEGIN.len()..end).unwrap_or_default();
        let compact: String = body.split_ascii_whitespace().collect();
        let der = BASE64
            .decode(compact.as_bytes())
            .map_err(|_| "its text between the two marks is not Base64")?;
        if let Some(Ok(raw)) = der.strip_prefix(&ED25519_PREFIX).map(<[u8; 32]>::try_from) {
            return Ok(PublicKey::ed25519(raw));
        }
        let pem = wrap(&der);
        let kinds = KINDS.iter().filter_map(|(keytype, scheme)| {
            let key = json!({"keytype": keytype, "scheme": scheme, "keyval": {"public": pem}});
            let Value::Object(key) = key else { return None };
            PublicKey::from_json(key).ok().filter(PublicKey::is_usable)
        });
        let key = kinds
            .into_iter()
            .next()
            .ok_or("it is of a kind that is not supported: ed25519, ECDSA on P-256 and RSA are")?;
        if key.keytype() == "rsa" && der.len() < SHORTEST_RSA {
            return Err("it is an RSA key of less than 2048 bits".into());
        }
        Ok(key)
    }

    /// The key as PEM, the same text however the key was written; `None` for a kind that we cannot verify.
    pub fn to_pem(&self) -> Option<String> {
        let public = self.to_json().get("keyval")?.get("public")?.as_str()?;
        if self.keytype() == "ed25519" {
            let raw = hex::decode(public).ok().filter(|raw| raw.len() == 32)?;
            return Some(wrap(&[&ED25519_PREFIX[..], &raw].concat()));
        }
        let body = public.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
        let compact: String = body.split_ascii_whitespace().collect();
        BASE64.decode(compact.as_bytes()).ok().map(|der| wrap(&der))
    }

    /// `ed25519`, `ecdsa` or `rsa`; another word for a kind that we do not know.
    pub fn keytype(&self) -> &str {
        text(self.to_json(), "keytype")
    }

    /// How it signs, such as `ecdsa-sha2-nistp256`.
    pub fn scheme(&self) -> &str {
        text(self.to_json(), "scheme")
    }
}

fn text<'k>(key: &'k Map<String, Value>, field: &str) -> &'k str {
    key.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn wrap(der: &[u8]) -> String {
    let body = BASE64.encode(der);
    let lines: Vec<&str> = (0..body.len())
        .step_by(64)
        .map(|start| &body[start..body.len().min(start + 64)])
        .collect();
    format!("{BEGIN}\n{}\n{END}\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ed25519_key_keeps_its_id_through_pem() {
        let key = PublicKey::ed25519([9; 32]);
        let pem = key.to_pem().unwrap();
        let around = format!("subject: card 1\r\n{}", pem.replace('\n', "\r\n"));
        assert_eq!(PublicKey::from_pem(&around).unwrap().id(), key.id());
    }

    #[test]
    fn what_is_no_public_key_is_named() {
        let error = |text: &str| PublicKey::from_pem(text).unwrap_err();
        assert!(error("-----BEGIN PRIVATE KEY-----").contains("private key"));
        assert!(error("hello").contains("BEGIN PUBLIC KEY"));
        assert!(error(&wrap(b"something else")).contains("not supported"));
        assert!(error(&format!("{BEGIN}\n***\n{END}")).contains("Base64"));
    }
}
