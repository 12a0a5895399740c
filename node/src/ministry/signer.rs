//! Signatures made by a command: a smart card, an HSM, OpenSSL. Bytes go in, a signature comes out and is verified.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use pishtar_signing::key::{KeyId, PublicKey, Signature};

use super::error::MinistryError;
use super::rotate::read_public;

/// A person may have to find a card and type its PIN.
const TIMEOUT_S: u64 = 300;
/// How often the terminal hears that the command still runs.
const PROGRESS: Duration = Duration::from_secs(10);
/// An RSA signature of 8192 bits in hex is 2048 bytes; more is no signature.
const MAX_ANSWER: u64 = 16 << 10;
const KEY_ID: &str = "PISHTAR_KEY_ID";

/// A command that signs.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct SignerArgs {
    /// A shell command that signs: the bytes on its standard input, the key's id in PISHTAR_KEY_ID, the signature (raw,
    /// hex or Base64) on its standard output
    #[arg(long, value_name = "CMD")]
    pub signer: Option<String>,
    /// The public key (PEM) that the command signs with, where several could be meant
    #[arg(long, value_name = "FILE", requires = "signer")]
    pub public_key: Option<PathBuf>,
    /// How long the command may take, seconds [default: 300]
    #[arg(long, value_name = "SECONDS", requires = "signer")]
    pub signer_timeout: Option<u64>,
}

/// What the command is to sign, and for whom.
pub(super) struct Wanted<'w> {
    /// The role's name, for messages.
    pub(super) role: String,
    /// The bytes.
    pub(super) message: &'w [u8],
    /// Keys whose signature is still asked for, by the ids that the metadata use.
    pub(super) keys: Vec<(KeyId, PublicKey)>,
}

/// Runs the command for one file.
pub(super) fn sign(
    command: &str,
    args: &SignerArgs,
    wanted: &Wanted<'_>,
) -> Result<Signature, MinistryError> {
    let (id, key) = choose(args, wanted)?;
    let timeout = Duration::from_secs(args.signer_timeout.unwrap_or(TIMEOUT_S));
    let failed = |reason: String| MinistryError::Signer {
        command: command.to_owned(),
        reason,
    };
    let answer = run(command, wanted.message, id, timeout).map_err(failed)?;
    let sig = accept(&answer, key, wanted.message).map_err(failed)?;
    Ok(Signature {
        keyid: id.clone(),
        sig: hex::encode(sig),
    })
}

/// The key that the command stands for.
fn choose<'w>(
    args: &SignerArgs,
    wanted: &'w Wanted<'_>,
) -> Result<&'w (KeyId, PublicKey), MinistryError> {
    let unclear = |reason: String| MinistryError::WhichKey {
        role: wanted.role.clone(),
        reason,
    };
    let Some(file) = &args.public_key else {
        return match &wanted.keys[..] {
            [one] => Ok(one),
            [] => Err(unclear(
                "no signature of a key outside this machine is missing".into(),
            )),
            several => Err(unclear(format!(
                "{} keys could sign it; say with --public-key which one the command uses",
                several.len()
            ))),
        };
    };
    let (given, _) = read_public(file)?;
    let pem = given.to_pem();
    let same = wanted.keys.iter().find(|(_, key)| key.to_pem() == pem);
    same.ok_or_else(|| {
        let file = file.display();
        unclear(format!(
            "no signature by the key in {file} is missing: it may not sign this role, or it has"
        ))
    })
}

/// Runs the command in a shell: bytes in, bytes out. Its words on standard error, such as a question for a PIN, are shown.
fn run(command: &str, message: &[u8], id: &KeyId, timeout: Duration) -> Result<Vec<u8>, String> {
    let mut child = Command::new("sh")
        .args(["-c", command])
        .env(KEY_ID, &id.0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("it cannot be started: {error}"))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let message = message.to_vec();
    thread::spawn(move || {
        // A command that does not read its input shows by its answer.
        let _ = stdin.map(|mut stdin| stdin.write_all(&message));
    });
    let (sender, answers) = mpsc::channel();
    thread::spawn(move || {
        let mut answer = Vec::new();
        let read = stdout.map(|stdout| stdout.take(MAX_ANSWER + 1).read_to_end(&mut answer));
        let _ = sender.send(read.transpose().map(|_| answer));
    });
    let began = Instant::now();
    let answer = wait_for(&answers, began, timeout);
    let ended = answer
        .is_some()
        .then(|| wait(&mut child, began, timeout))
        .flatten();
    let (Some(answer), Some(status)) = (answer, ended) else {
        let _ = child.kill();
        let _ = child.wait();
        let seconds = timeout.as_secs();
        return Err(format!(
            "it did not end within {seconds} s; --signer-timeout gives it longer"
        ));
    };
    let answer = answer.map_err(|error| format!("its answer cannot be read: {error}"))?;
    // Judged first: whoever is cut off at the limit fails for that reason alone.
    if answer.len() as u64 > MAX_ANSWER {
        return Err(format!(
            "it gave more than {MAX_ANSWER} bytes, which is no signature"
        ));
    }
    if !status.success() {
        return Err(format!("it failed ({status}); what it says stands above"));
    }
    match answer.len() {
        0 => Err("it gave nothing on its standard output".into()),
        _ => Ok(answer),
    }
}

fn wait_for<T>(answers: &mpsc::Receiver<T>, began: Instant, timeout: Duration) -> Option<T> {
    loop {
        let left = timeout.checked_sub(began.elapsed())?;
        match answers.recv_timeout(left.min(PROGRESS)) {
            Ok(answer) => return Some(answer),
            Err(mpsc::RecvTimeoutError::Disconnected) => return None,
            Err(mpsc::RecvTimeoutError::Timeout) => eprintln!(
                "Still waiting for the signer: {} s of at most {} s",
                began.elapsed().as_secs(),
                timeout.as_secs()
            ),
        }
    }
}

/// The command's answer is complete; it should end now.
fn wait(child: &mut Child, began: Instant, timeout: Duration) -> Option<std::process::ExitStatus> {
    const STEP: Duration = Duration::from_millis(10);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if began.elapsed() < timeout => thread::sleep(STEP),
            _ => return None,
        }
    }
}

/// Finds the signature in the answer, whatever its spelling, and verifies it.
fn accept(answer: &[u8], key: &PublicKey, message: &[u8]) -> Result<Vec<u8>, String> {
    let text: Option<String> = std::str::from_utf8(answer)
        .ok()
        .map(|text| text.split_ascii_whitespace().collect());
    let base64 = |text: &String| BASE64.decode(text.as_bytes()).ok();
    let spelled = text.and_then(|text| hex::decode(&text).ok().or_else(|| base64(&text)));
    let candidates = [Some(answer.to_vec()), spelled].into_iter().flatten();
    let mut tried = Vec::new();
    for candidate in candidates {
        let der = (key.keytype().starts_with("ecdsa"))
            .then(|| ecdsa_der(&candidate))
            .flatten();
        for form in der.into_iter().chain([candidate]) {
            if key.verify(message, &hex::encode(&form)) {
                return Ok(form);
            }
            tried.push(form.len());
        }
    }
    let length = tried.last().copied().unwrap_or(0);
    Err(format!(
        "its answer of {} bytes ({length} as a signature) is no signature of this key over the bytes that it was given. {}",
        answer.len(),
        expectation(key)
    ))
}

fn expectation(key: &PublicKey) -> &'static str {
    match key.keytype() {
        "ed25519" => "An ed25519 signature has 64 bytes and is made over the bytes themselves",
        "rsa" => {
            "An RSA signature is as long as the key, made with PSS, SHA-256, MGF1 with SHA-256 and a salt of 32 bytes"
        }
        _ => {
            "An ECDSA signature is DER (about 70 bytes) or 64 bytes, made over the SHA-256 of the bytes, hashed once"
        }
    }
}

/// Cards give the two numbers of an ECDSA signature bare; TUF wants them as DER (RFC 3279, 2.2.3).
fn ecdsa_der(raw: &[u8]) -> Option<Vec<u8>> {
    const BARE: [usize; 2] = [64, 96];
    if !BARE.contains(&raw.len()) {
        return None;
    }
    let (r, s) = raw.split_at(raw.len() / 2);
    let numbers = [integer(r), integer(s)].concat();
    Some([vec![0x30, numbers.len() as u8], numbers].concat())
}

/// A DER integer: no leading zeros but the one that keeps it positive.
fn integer(number: &[u8]) -> Vec<u8> {
    let start = number
        .iter()
        .position(|byte| *byte != 0)
        .unwrap_or(number.len() - 1);
    let mut digits = number[start..].to_vec();
    if digits[0] & 0x80 != 0 {
        digits.insert(0, 0);
    }
    [vec![0x02, digits.len() as u8], digits].concat()
}

#[cfg(test)]
mod tests {
    use pishtar_signing::key::SigningKey;

    use super::*;

    fn wanted() -> (SigningKey, Wanted<'static>) {
        let key = SigningKey::from_seed([5; 32]);
        let wanted = Wanted {
            role: "targets".into(),
            message: b"content",
            keys: vec![(key.public().id(), key.public())],
        };
        (key, wanted)
    }

    fn answer_of(command: &str) -> Result<Signature, String> {
        let (_, wanted) = wanted();
        let args = SignerArgs {
            signer_timeout: Some(1),
            ..Default::default()
        };
        sign(command, &args, &wanted).map_err(|error| error.to_string())
    }

    #[test]
    fn raw_hex_and_base64_are_taken() {
        let (key, _) = wanted();
        let signature = key.sign(b"content");
        let raw = hex::decode(&signature.sig).unwrap();
        let octal: String = raw.iter().map(|byte| format!("\\{byte:03o}")).collect();
        let base64 = BASE64.encode(&raw);
        for command in [
            format!("printf '{octal}'"),
            format!("echo {}", signature.sig.to_uppercase()),
            format!("echo '{}'; echo '{}'", &base64[..40], &base64[40..]),
            format!(
                "test $PISHTAR_KEY_ID = {} && cat >/dev/null && echo {base64}",
                signature.keyid
            ),
        ] {
            assert_eq!(answer_of(&command).unwrap(), signature, "{command}");
        }
    }

    #[test]
    fn what_a_command_does_wrong_is_said() {
        let other = SigningKey::from_seed([5; 32]).sign(b"other content").sig;
        for (command, words) in [
            ("exit 3".to_owned(), "it failed (exit status: 3)"),
            ("no-such-signer".to_owned(), "it failed (exit status: 127)"),
            ("true".to_owned(), "it gave nothing"),
            ("echo no card".to_owned(), "its answer of 8 bytes"),
            (
                format!("echo {other}"),
                "129 bytes (64 as a signature) is no signature of this key",
            ),
            ("cat /dev/zero".to_owned(), "more than 16384 bytes"),
            ("exec sleep 60".to_owned(), "did not end within 1 s"),
        ] {
            let error = answer_of(&command).unwrap_err();
            assert!(
                error.contains(words) && error.contains(&command),
                "{command}: {error}"
            );
        }
    }

    #[test]
    fn which_key_signs_is_asked_when_it_is_not_clear() {
        let (_, mut several) = wanted();
        let second = SigningKey::from_seed([6; 32]).public();
        several.keys.push((second.id(), second));
        let error = sign("true", &SignerArgs::default(), &several).unwrap_err();
        assert!(error.to_string().contains("--public-key"), "{error}");
        several.keys.clear();
        let error = sign("true", &SignerArgs::default(), &several).unwrap_err();
        assert!(error.to_string().contains("no signature"), "{error}");
    }

    #[test]
    fn bare_numbers_become_der() {
        let mut raw = [0; 64];
        (raw[0], raw[31], raw[63]) = (0x80, 1, 7);
        let der = ecdsa_der(&raw).unwrap();
        assert_eq!(der[..6], [0x30, 38, 0x02, 33, 0x00, 0x80]);
        assert_eq!(der[der.len() - 4..], [0x01, 0x02, 0x01, 0x07]);
        assert_eq!(ecdsa_der(&raw[1..]), None);
    }
}
