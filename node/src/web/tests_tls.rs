//! HTTPS as a browser meets it: who is let in, and for which addresses the local CA vouches.

use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio_rustls::TlsConnector;

use super::*;

/// Whether a browser that trusts `ca` accepts what `tls` shows at `address` for a page at `name`.
async fn accepted(tls: &Tls, ca: &str, address: IpAddr, name: &str) -> bool {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap())
        .unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let (browser, node) = tokio::io::duplex(64 << 10);
    let acceptor = tls.acceptor(address, BUILT).unwrap();
    let connector = TlsConnector::from(Arc::new(client));
    let (browser, _) = tokio::join!(connector.connect(name, browser), acceptor.accept(node));
    browser.is_ok()
}

#[tokio::test]
async fn who_added_the_ca_once_is_let_in_after_every_restart() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        Tls::open(&TlsChoice::Local, folder.path())
            .unwrap()
            .unwrap()
    };
    let first = open();
    let ca = first.ca_pem().unwrap().to_owned();
    let home = IpAddr::from([192, 168, 1, 20]);
    assert!(accepted(&first, &ca, home, "192.168.1.20").await);
    assert!(accepted(&first, &ca, home, "localhost").await);
    let again = open();
    assert_eq!(again.ca_pem(), Some(ca.as_str()));
    let moved = IpAddr::from([10, 7, 0, 3]);
    assert!(accepted(&again, &ca, moved, "10.7.0.3").await);
    assert!(
        !accepted(&again, &ca, moved, "192.168.1.20").await,
        "another address"
    );
}

#[tokio::test]
async fn the_ca_vouches_for_nothing_outside() {
    let folder = tempfile::tempdir().unwrap();
    let tls = Tls::open(&TlsChoice::Local, folder.path())
        .unwrap()
        .unwrap();
    let ca = tls.ca_pem().unwrap().to_owned();
    let public = IpAddr::from([203, 0, 113, 9]);
    assert!(!accepted(&tls, &ca, public, "203.0.113.9").await);
    let other = tempfile::tempdir().unwrap();
    let stranger = Tls::open(&TlsChoice::Local, other.path()).unwrap().unwrap();
    let home = IpAddr::from([192, 168, 1, 20]);
    assert!(!accepted(&stranger, &ca, home, "192.168.1.20").await);
}

#[tokio::test]
async fn a_supplied_certificate_is_shown_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["pishtar.example".to_owned()]).unwrap();
    let cert = params.self_signed(&key).unwrap();
    let (cert_path, key_path) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    fs::write(&cert_path, pem("CERTIFICATE", cert.der())).unwrap();
    fs::write(&key_path, pem("PRIVATE KEY", &key.serialize_der())).unwrap();
    let choice = format!("{},{}", cert_path.display(), key_path.display());
    let tls = Tls::open(&choice.parse().unwrap(), folder.path())
        .unwrap()
        .unwrap();
    assert_eq!(tls.ca_pem(), None);
    assert!(
        accepted(
            &tls,
            &pem("CERTIFICATE", cert.der()),
            IpAddr::from([127, 0, 0, 1]),
            "pishtar.example"
        )
        .await
    );
    let swapped = TlsChoice::Files(key_path, cert_path);
    let error = Tls::open(&swapped, folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("k.pem") && error.contains("CERT,KEY"),
        "{error}"
    );
}

#[test]
fn choices() {
    assert_eq!("local".parse(), Ok(TlsChoice::Local));
    assert_eq!("off".parse(), Ok(TlsChoice::Off));
    let files = TlsChoice::Files("a.pem".into(), "b.pem".into());
    assert_eq!("a.pem,b.pem".parse(), Ok(files));
    assert!("on".parse::<TlsChoice>().is_err());
    assert!("a.pem,".parse::<TlsChoice>().is_err());
}
