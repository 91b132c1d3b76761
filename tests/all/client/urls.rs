//! Services at URLs: whose certificate will do, and where nothing is ever sent.

use super::{NOT_KEPT, ann, limits, params, said};
use crate::support::hostile::Hostile;
use sandgate::service::{Address, Client};
use serde_json::json;
use std::sync::Arc;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};

/// Whom a test trusts, and who can be trusted by it: a certificate for this name, and the authority that signed it.
fn certificate(name: &str) -> (Vec<u8>, TlsAcceptor) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let pem = authority.self_signed(&key).unwrap().pem();
    let issuer = rcgen::Issuer::new(authority, key);
    let key = rcgen::KeyPair::generate().unwrap();
    let signed = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    let signed = signed.signed_by(&key, &issuer).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![signed.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    (pem.into_bytes(), TlsAcceptor::from(Arc::new(config)))
}

#[tokio::test]
async fn sec_03_a_url_is_spoken_to_if_its_certificate_is_for_its_name() {
    let (trusted, acceptor) = certificate("localhost");
    let hostile = Hostile::port(Some(acceptor)).await;
    let to = Address::url(&format!("https://localhost:{}/a/rpc?x=1", hostile.number())).unwrap();
    let client = Client::with_authorities(limits(), trusted);
    for _ in 0..3 {
        assert_eq!(said(&client, &to, "echo").await, "{}");
    }
    let seen = hostile.seen();
    assert_eq!((seen.connections, seen.requests.len()), (1, 3));
    let (_, request) = &seen.requests[0];
    let head = request
        .lines()
        .filter(|line| line.starts_with("POST") || line.starts_with("host"));
    assert_eq!(
        head.collect::<Vec<_>>(),
        [
            "POST /a/rpc?x=1 HTTP/1.1",
            &format!("host: localhost:{}", hostile.number())
        ]
    );
}

#[tokio::test]
async fn sec_03_nobody_else_s_certificate_will_do() {
    let (trusted, _) = certificate("localhost");
    let (_, unknown) = certificate("localhost");
    let (other, for_another) = certificate("example.org");
    for (authority, acceptor, reason) in [
        (trusted, unknown, "invalid peer certificate: BadSignature"),
        (
            other,
            for_another,
            "invalid peer certificate: certificate not valid for name \"localhost\"; certificate is only valid for DnsName(\"example.org\")",
        ),
    ] {
        let hostile = Hostile::port(Some(acceptor)).await;
        let to = Address::url(&format!("https://localhost:{}/", hostile.number())).unwrap();
        let client = Client::with_authorities(limits(), authority);
        let error = client
            .call(&to, &ann(), "echo", &params(&json!({})))
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the service cannot be connected to: {reason}")
        );
        assert!(!error.may_have_happened());
        assert_eq!(hostile.seen().requests, []);
    }
}

#[tokio::test]
async fn sec_03_without_encryption_only_this_machine_is_spoken_to() {
    let hostile = Hostile::port(None).await;
    let client = Client::new(limits());
    let to = Address::url(&format!("http://127.0.0.1:{}", hostile.number())).unwrap();
    assert_eq!(said(&client, &to, "echo").await, "{}");
    // An address that was made elsewhere is checked all the same.
    let to = Address::Url("http://example.org/".to_owned());
    let error = client
        .call(&to, &ann(), "echo", &params(&json!({})))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "`http://example.org/` is not a URL of a service: `http://` is only for this machine (localhost); use `https://`"
    );
    assert!(!error.may_have_happened());
}

#[tokio::test]
async fn sec_03_a_redirect_leads_nowhere() {
    let elsewhere = Hostile::port(None).await;
    let hostile = Hostile::port(None).await;
    let client = Client::new(limits());
    let to = Address::url(&format!("http://127.0.0.1:{}", hostile.number())).unwrap();
    let location =
        params(&json!({"location": format!("http://127.0.0.1:{}/", elsewhere.number())}));
    let error = client
        .call(&to, &ann(), "redirect_to", &location)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{NOT_KEPT}it redirects (status 308), and redirects are not followed")
    );
    assert_eq!(
        (hostile.seen().requests.len(), elsewhere.seen().connections),
        (1, 0)
    );
}
