//! Tokens that are right, and each way in which one is not.

use super::*;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use serde_json::json;

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// An issuer with a key, in a directory.
struct Office {
    place: tempfile::TempDir,
    key: Ed25519KeyPair,
    issuer: Issuer,
}

fn ed25519() -> Ed25519KeyPair {
    let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap()
}

fn jwk(name: &str, key: &Ed25519KeyPair) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "kid": name, "use": "sig", "x": encoded(key.public_key())})
}

impl Office {
    fn open() -> Self {
        let place = tempfile::tempdir().unwrap();
        let key = ed25519();
        let keys = place.path().join("jwks.json");
        fs::write(&keys, json!({"keys": [jwk("one", &key)]}).to_string()).unwrap();
        let issuer = Issuer::open(IssuerTerms {
            issuer: "https://login.example.org".to_owned(),
            audience: "sandgate".to_owned(),
            algorithm: IssuerAlgorithm::EdDsa,
            keys,
            claims: IssuerClaims::default(),
        });
        Self {
            place,
            key,
            issuer: issuer.unwrap(),
        }
    }

    fn token(&self, header: &Value, said: &Value) -> String {
        signed(&self.key, header, said)
    }

    fn holder(&self, token: &str) -> Option<Entitlement> {
        self.issuer.holder(token).unwrap()
    }
}

fn signed(key: &Ed25519KeyPair, header: &Value, said: &Value) -> String {
    let (header, said) = (encoded(header.to_string()), encoded(said.to_string()));
    let text = format!("{header}.{said}");
    format!("{text}.{}", encoded(key.sign(text.as_bytes())))
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs()
}

fn header() -> Value {
    json!({"alg": "EdDSA", "typ": "JWT", "kid": "one"})
}

fn said() -> Value {
    json!({
        "iss": "https://login.example.org", "aud": ["other", "sandgate"], "exp": now() + 300, "nbf": now(),
        "client_id": "bot", "sub": "ada", "contexts": "assistant read_only", "claims": ["crm.manager"]
    })
}

/// The same with something else in it, or without it.
fn with(mut value: Value, name: &str, other: Option<Value>) -> Value {
    let map = value.as_object_mut().unwrap();
    match other {
        Some(other) => drop(map.insert(name.to_owned(), other)),
        None => drop(map.remove(name)),
    }
    value
}

#[test]
fn a_token_stands_for_whom_its_claims_name() {
    let office = Office::open();
    let right = office.token(&header(), &said());
    assert!(Issuer::may_have_made(&right));
    let ada = Entitlement {
        contexts: Some(vec!["assistant".to_owned(), "read_only".to_owned()]),
        actor: "bot".to_owned(),
        user: Some("ada".to_owned()),
        claims: vec!["crm.manager".to_owned()],
    };
    assert_eq!(office.holder(&right), Some(ada));
    // Clocks differ, names of keys may be left out, and so may be whoever is behind the program.
    let past = with(said(), "exp", Some(json!(now() - 30)));
    assert!(office.holder(&office.token(&header(), &past)).is_some());
    let unnamed = with(header(), "kid", None);
    assert!(office.holder(&office.token(&unnamed, &said())).is_some());
    let nobody = with(with(said(), "sub", None), "claims", None);
    let holder = office.holder(&office.token(&header(), &nobody)).unwrap();
    assert_eq!((holder.user, holder.claims), (None, Vec::new()));
}

#[test]
fn web_02_a_token_of_which_anything_is_wrong_stands_for_nobody() {
    let office = Office::open();
    let refused = |header: Value, said: Value| {
        let token = office.token(&header, &said);
        assert_eq!(office.holder(&token), None, "{header} {said}");
    };
    for (name, other) in [
        ("alg", Some(json!("none"))),
        ("alg", Some(json!("HS256"))),
        ("alg", Some(json!("ES256"))),
        ("alg", None),
        ("kid", Some(json!("two"))),
        ("kid", Some(json!(1))),
        ("crit", Some(json!(["exp"]))),
    ] {
        refused(with(header(), name, other), said());
    }
    for (name, other) in [
        ("iss", Some(json!("https://login.example.org/"))),
        ("iss", None),
        ("aud", Some(json!("other sandgate"))),
        ("aud", None),
        ("exp", Some(json!(now() - 120))),
        ("exp", Some(json!((now() + 300).to_string()))),
        ("exp", None),
        ("nbf", Some(json!(now() + 300))),
        ("nbf", Some(json!("0"))),
        ("client_id", None),
        ("client_id", Some(json!(["bot"]))),
        ("sub", Some(json!(7))),
        ("contexts", None),
        ("contexts", Some(json!([1]))),
        ("claims", Some(json!({}))),
    ] {
        refused(header(), with(said(), name, other));
    }
    let right = office.token(&header(), &said());
    let parts: Vec<&str> = right.split('.').collect();
    let more = encoded(with(said(), "sub", Some(json!("eve"))).to_string());
    for wrong in [
        String::new(),
        "..".to_owned(),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}.", encoded("{\"alg\":\"none\"}"), parts[1]),
        format!("{}.{more}.{}", parts[0], parts[2]),
        format!("{right}="),
        format!("{}.{}.{}.{}", parts[0], parts[1], parts[2], parts[2]),
        format!("{}.{right}", parts[0]),
        "x".repeat(LONGEST + 1),
        signed(&ed25519(), &header(), &said()),
    ] {
        assert_eq!(office.holder(&wrong), None, "{wrong}");
    }
}

#[test]
fn a_key_that_is_replaced_counts_no_more_and_the_new_one_at_once() {
    let office = Office::open();
    let before = office.token(&header(), &said());
    assert!(office.holder(&before).is_some());
    let next = ed25519();
    let both = json!({"keys": [jwk("one", &office.key), jwk("two", &next)]});
    let replace = |keys: &Value| {
        let new = office.place.path().join("new");
        fs::write(&new, keys.to_string()).unwrap();
        fs::rename(&new, office.issuer.keys()).unwrap();
    };
    let after = signed(&next, &with(header(), "kid", Some(json!("two"))), &said());
    assert_eq!(office.holder(&after), None);
    replace(&both);
    assert!(office.holder(&after).is_some());
    assert!(office.holder(&before).is_some());
    replace(&json!({"keys": [jwk("two", &next)]}));
    assert!(office.holder(&after).is_some());
    assert_eq!(office.holder(&before), None);
    // One that says that it is for something else is no key.
    let encryption = with(jwk("two", &next), "use", Some(json!("enc")));
    replace(&json!({"keys": [encryption]}));
    let path = office.issuer.keys().display().to_string();
    let error = || office.issuer.holder(&after).unwrap_err().to_string();
    assert_eq!(
        error(),
        format!("the keys in `{path}` cannot be used: none of them is for EdDSA")
    );
    replace(&json!({}));
    assert_eq!(
        error(),
        format!(
            "the keys in `{path}` cannot be used: it is no JWK set: missing field `keys` at line 1 column 2"
        )
    );
}

/// The token of RSA is one that `openssl dgst -sha256 -sign` has signed.
#[test]
fn signatures_of_rsa_and_of_p_256_are_checked_too() {
    let rsa = json!({"kty": "RSA", "e": "AQAB", "n": "56audMcHHy0o8CuQVUgGP6cGM5diydGtXUJgPAvZ5hbzayNFmVVwvmvKmCc1_0E9Pyn8Fa_p3Nhz-ZG251L-dOAVrygn_h2zyKXJQX0GGBCr4NctdGYfR8YSpyGKWZDrfjsKF5PcgjQ1g6scZloN6ZgsJ2cxZem0NMftTMFD1Klsr9cyCrblVogY8dxpdefQHrzWRf58QCkEh2rXv52ZU2D9YVQ5wvt-XuiK0hhQ80wVM3Uo6VO0lQ-LDpd-R-gS29qW5zvOjXaul5Le7jPY02VmFwgaApe5hX5cwYM58gzYtr4y8tLOHx1j2VNpyPswJMbJFmKxOBeq5x83IAJu1Q"});
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2xvZ2luLmV4YW1wbGUub3JnIn0.Hw9KoJcaOFyVVqq-FH1UCx7FPPDhOZUZO_X7AyRc9IEIN02N0XtlA4d-pdUThUdMhpJooFkBq7Y8TLUx6-5OHPmZb2fp4TX5NDmSR9SjdlDf63yGw3pkvGfou0F_HoTst7WBWx4xPGJ-eFw4qQvNvzSern8kmghPMh6lTQOHPf3jlpQHj4unp6zYy1aLfnmGFDjbB1gawXNFKzLM_ngr4XnIE4cJH5dVNXJGgSFQSpTX_iLljp6kldhx459d3RUasnppg35ckE6-HzmdlNSVuBXdtk95DeAFP6hJICTgNxya1PGdwqSo6U_qAAktol0idAs_9yglRSS3mA2iQQYBDw";
    let (text, signature) = token.rsplit_once('.').unwrap();
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    let (rs256, es256) = (IssuerAlgorithm::Rs256, IssuerAlgorithm::Es256);
    let key = rs256.key(rsa.as_object().unwrap()).unwrap();
    assert!(rs256.verify(&key, text.as_bytes(), &signature));
    assert!(!rs256.verify(&key, b"other", &signature));
    assert!(!es256.verify(&key, text.as_bytes(), &signature));
    assert!(es256.key(rsa.as_object().unwrap()).is_none());

    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let made = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &random).unwrap();
    let point = pair.public_key().as_ref();
    let (x, y) = (encoded(&point[1..33]), encoded(&point[33..]));
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
    let key = es256.key(jwk.as_object().unwrap()).unwrap();
    let signature = pair.sign(&random, b"text").unwrap();
    assert!(es256.verify(&key, b"text", signature.as_ref()));
    assert!(!es256.verify(&key, b"texts", signature.as_ref()));
}
