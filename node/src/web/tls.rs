//! HTTPS for the pages: a certificate of the node's own local CA for the address that a browser came to, or one that
//! the ministry supplies.
//!
//! The CA may vouch for nothing but private addresses and names under `.local` (RFC 5280, 4.2.1.10), so whoever trusts
//! it trusts this device with no other site, even if its key is stolen.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write},
    net::IpAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use pishtar_signing::metadata::format_utc;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints, SanType, SerialNumber,
};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject},
};
use tokio_rustls::TlsAcceptor;

use super::guard::OWN_NAME;
use crate::engine::clock::BUILT;

const DAY: i64 = 86_400;
/// Browsers refuse certificates that are valid for longer than 398 days, 825 those of a CA that people added.
const LEAF_DAYS: i64 = 397;
/// A certificate is made anew after this time.
const RENEW_DAYS: i64 = 30;
/// People add the CA to their device once.
const CA_DAYS: i64 = 20 * 366;
/// Addresses of this device with a certificate in memory; a device has a handful.
const MAX_ADDRESSES: usize = 32;

/// What `--tls` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsChoice {
    /// Certificates of the node's own CA.
    Local,
    /// A certificate chain and its key, PEM files.
    Files(PathBuf, PathBuf),
    /// No HTTPS.
    Off,
}

impl FromStr for TlsChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<TlsChoice, String> {
        match (text, text.split_once(',')) {
            ("local", _) => Ok(TlsChoice::Local),
            ("off", _) => Ok(TlsChoice::Off),
            (_, Some((cert, key))) if !cert.is_empty() && !key.is_empty() => {
                Ok(TlsChoice::Files(cert.into(), key.into()))
            }
            _ => Err("write local, off, or two PEM files as CERT,KEY".to_owned()),
        }
    }
}

/// Why there is no HTTPS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("cannot use {path}: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// A file has something else.
    #[error(
        "{path} is not a PEM {what}: {cause}. --tls takes the certificate chain first and then its key, as CERT,KEY"
    )]
    Pem {
        /// The file.
        path: PathBuf,
        /// Certificate or key.
        what: &'static str,
        /// What is wrong.
        cause: String,
    },
    /// The node's own CA cannot be used.
    #[error(
        "the local CA in {folder} cannot be used: {cause}. Move the folder aside and start again: a new CA is made, and people add it once more"
    )]
    Ca {
        /// Its folder.
        folder: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// Certificate and key do not go together.
    #[error("the certificate and the key do not go together: {0}")]
    Pair(#[from] rustls::Error),
}

/// HTTPS as this node offers it.
pub struct Tls {
    kind: Kind,
}

enum Kind {
    Files(Arc<ServerConfig>),
    Local(Box<Local>),
}

struct Local {
    ca: Certificate,
    ca_key: KeyPair,
    ca_pem: String,
    leaf_key: KeyPair,
    /// Unix seconds of making and the configuration, by the address that browsers come to.
    made: Mutex<BTreeMap<IpAddr, (i64, Arc<ServerConfig>)>>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Makes HTTPS ready; `folder` (`D/tls`) keeps the CA. Nothing for [`TlsChoice::Off`].
    ///
    /// # Errors
    /// [`TlsError`]: which file, and what to do.
    pub fn open(choice: &TlsChoice, folder: &Path) -> Result<Option<Tls>, TlsError> {
        let kind = match choice {
            TlsChoice::Off => return Ok(None),
            TlsChoice::Files(cert, key) => Kind::Files(from_files(cert, key)?),
            TlsChoice::Local => Kind::Local(Box::new(Local::open(folder)?)),
        };
        Ok(Some(Tls { kind }))
    }

    /// The certificate of the local CA, PEM, for people to add to their devices.
    pub fn ca_pem(&self) -> Option<&str> {
        match &self.kind {
            Kind::Files(_) => None,
            Kind::Local(local) => Some(&local.ca_pem),
        }
    }

    /// Speaks TLS with a browser that came to `address` of this device at `now`, Unix seconds.
    ///
    /// # Errors
    /// A sentence: no certificate could be made.
    pub(crate) fn acceptor(&self, address: IpAddr, now: i64) -> Result<TlsAcceptor, String> {
        let config = match &self.kind {
            Kind::Files(config) => config.clone(),
            Kind::Local(local) => local.config(address.to_canonical(), now)?,
        };
        Ok(TlsAcceptor::from(config))
    }
}

impl Local {
    fn open(folder: &Path) -> Result<Local, TlsError> {
        let file = |path: &Path, cause| TlsError::File {
            path: path.to_owned(),
            cause,
        };
        let ca_error = |cause: String| TlsError::Ca {
            folder: folder.to_owned(),
            cause,
        };
        fs::create_dir_all(folder).map_err(|cause| file(folder, cause))?;
        let (key_path, cert_path) = (folder.join("ca.key"), folder.join("ca.crt"));
        let ca_key = match fs::read(&key_path) {
            Ok(bytes) => KeyPair::try_from(bytes).map_err(|error| ca_error(error.to_string()))?,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                let key = KeyPair::generate().map_err(|error| ca_error(error.to_string()))?;
                write(&key_path, &key.serialize_der()).map_err(|cause| file(&key_path, cause))?;
                key
            }
            Err(cause) => return Err(file(&key_path, cause)),
        };
        let made = ca_params(&ca_key).self_signed(&ca_key);
        let ca = made.map_err(|error| ca_error(error.to_string()))?;
        // People have added the one that is on the disk; a new one differs from it in its signature only.
        let ca_pem = match fs::read_to_string(&cert_path) {
            Ok(pem) => pem,
            Err(_) => {
                let pem = pem("CERTIFICATE", ca.der());
                write(&cert_path, pem.as_bytes()).map_err(|cause| file(&cert_path, cause))?;
                pem
            }
        };
        Ok(Local {
            ca,
            ca_key,
            ca_pem,
            leaf_key: KeyPair::generate().map_err(|error| ca_error(error.to_string()))?,
            made: Mutex::default(),
        })
    }

    fn config(&self, address: IpAddr, now: i64) -> Result<Arc<ServerConfig>, String> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now.max(BUILT);
        if let Some((at, config)) = made.get(&address)
            && (0..RENEW_DAYS * DAY).contains(&(now - at))
        {
            return Ok(config.clone());
        }
        let leaf = leaf_params(address, now)
            .and_then(|params| params.signed_by(&self.leaf_key, &self.ca, &self.ca_key));
        let leaf = leaf.map_err(|error| error.to_string())?;
        let key = PrivatePkcs8KeyDer::from(self.leaf_key.serialize_der());
        let chain = vec![leaf.der().clone()];
        let config = server_config(chain, key.into()).map_err(|error| error.to_string())?;
        if made.len() >= MAX_ADDRESSES {
            made.clear();
        }
        made.insert(address, (now, config.clone()));
        Ok(config)
    }
}

fn from_files(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let wrong = |path: &Path, what, cause: String| TlsError::Pem {
        path: path.to_owned(),
        what,
        cause,
    };
    let read = |path: &Path| {
        fs::read(path).map_err(|cause| TlsError::File {
            path: path.to_owned(),
            cause,
        })
    };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(cert)?)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(cert, "certificate", error.to_string()))?;
    if chain.is_empty() {
        let cause = "there is none in it".to_owned();
        return Err(wrong(cert, "certificate", cause));
    }
    let parsed = PrivateKeyDer::from_pem_slice(&read(key)?);
    let parsed = parsed.map_err(|error| wrong(key, "key", error.to_string()))?;
    Ok(server_config(chain, parsed)?)
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    // Named, because another part of the program may bring a second provider along.
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The same for the same key, so that what it signs after a restart chains to what people added.
fn ca_params(key: &KeyPair) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mark = blake3::hash(&key.public_key_der()).to_hex();
    let name = format!("Pishtar, this device only ({})", &mark[..8]);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: permitted(),
        excluded_subtrees: Vec::new(),
    });
    let (from, until) = (day(BUILT - DAY), day(BUILT + CA_DAYS * DAY));
    params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
    params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
    params
}

/// Private addresses (RFC 1918, 3927, 4193, 4291), this device itself, and names on the link (RFC 6762).
fn permitted() -> Vec<GeneralSubtree> {
    const NETWORKS: [(&str, u8); 8] = [
        ("10.0.0.0", 8),
        ("172.16.0.0", 12),
        ("192.168.0.0", 16),
        ("169.254.0.0", 16),
        ("127.0.0.0", 8),
        ("fc00::", 7),
        ("fe80::", 10),
        ("::1", 128),
    ];
    let network = |(address, prefix): (&str, u8)| {
        let address = address.parse().expect("the table has addresses");
        GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, prefix))
    };
    let names = ["local", "localhost"].map(|name| GeneralSubtree::DnsName(name.to_owned()));
    names.into_iter().chain(NETWORKS.map(network)).collect()
}

fn leaf_params(address: IpAddr, now: i64) -> Result<CertificateParams, rcgen::Error> {
    let mut names = vec!["localhost".to_owned()];
    if !OWN_NAME.is_empty() {
        names.push(OWN_NAME.clone());
    }
    let mut params = CertificateParams::new(names)?;
    for address in [address, IpAddr::from([127, 0, 0, 1])] {
        let name = SanType::IpAddress(address);
        if !params.subject_alt_names.contains(&name) {
            params.subject_alt_names.push(name);
        }
    }
    params
        .distinguished_name
        .push(DnType::CommonName, "Pishtar");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    // Tablets whose clock is behind still find it valid.
    let last = BUILT + (CA_DAYS - LEAF_DAYS) * DAY;
    let (from, until) = (day(BUILT - DAY), day(now.min(last) + LEAF_DAYS * DAY));
    params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
    params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
    // Browsers refuse two certificates of one CA with the same number.
    let mut serial = [0; 16];
    getrandom::fill(&mut serial).map_err(|_| rcgen::Error::RingUnspecified)?;
    serial[0] &= 0x7f;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(params)
}

/// Year, month and day of a time in Unix seconds.
fn day(seconds: i64) -> (i32, u8, u8) {
    let written = format_utc(seconds);
    let day = written.split('T').next().unwrap_or_default();
    let mut parts = day.split('-').filter_map(|part| part.parse::<i32>().ok());
    let mut next = || parts.next().unwrap_or(1);
    let (year, month, day) = (next(), next(), next());
    let small = |number| u8::try_from(number).unwrap_or(1);
    (year, small(month), small(day))
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("base64 is ASCII"))
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

/// Writes a file whole or not at all, readable by its owner only.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
#[path = "tests_tls.rs"]
mod tests;
