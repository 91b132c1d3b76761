//! Whom an encrypted connection is trusted to reach. Made by `client` when it first connects to an `https://` URL. It
//! must never be possible to switch verification off.

use std::sync::Arc;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, pem::PemObject},
    },
};

/// Trusts these authorities (PEM), or those that the operating system trusts. The latter can be changed with
/// `SSL_CERT_FILE` and `SSL_CERT_DIR`.
pub(crate) fn connector(authorities: Option<&[u8]>) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate =
                    certificate.map_err(|error| format!("no certificate: {error}"))?;
                roots.add(certificate).map_err(|error| error.to_string())?;
            }
        }
        // Single certificates that cannot be read are not trusted, and the others are.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err("no certificate authority is trusted here".to_owned());
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
