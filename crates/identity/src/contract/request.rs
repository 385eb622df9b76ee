//! What an identity provider is asked: as a Lambda event, or as a request to API Gateway.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{Secret, UserName};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::response::Asked;

/// There is no password to ask about. An empty one is how the contract says "by public key", so
/// it never goes out as a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("ask identity provider: the password is empty")]
pub struct NoPassword;

/// A question about one user.
#[derive(Debug, Clone)]
pub struct IdentityRequest {
    server_id: String,
    username: UserName,
    source_ip: IpAddr,
    password: Option<Secret<String>>,
    certified: bool,
}

/// A `GET` to API Gateway.
#[derive(Debug, Clone)]
pub struct GatewayRequest {
    /// The URL, its path and query encoded.
    pub url: String,
    /// The headers that carry the password, in base64 and, where it can stand in a header, as it
    /// is. None for public keys.
    pub headers: Vec<(&'static str, Secret<String>)>,
}

/// What stands as it is in a URI (RFC 3986 section 2.3), so what a signature is made over (SigV4).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LambdaEvent<'a> {
    username: &'a str,
    password: &'a str,
    protocol: &'static str,
    server_id: &'a str,
    source_ip: String,
}

impl IdentityRequest {
    /// The protocol that is named, always: whether a client will speak SFTP or SCP is known only
    /// when he is in, and AWS Transfer does not know SCP.
    pub const PROTOCOL: &str = "SFTP";

    /// Asks which keys a user has. `server_id` is what the provider knows this server as.
    pub fn for_keys(server_id: &str, username: UserName, source_ip: IpAddr) -> Self {
        Self {
            server_id: server_id.to_owned(),
            username,
            // A client of IPv4 on a socket of both is one of IPv4.
            source_ip: source_ip.to_canonical(),
            password: None,
            certified: false,
        }
    }

    /// Asks who a user is whom a certificate has proved. It goes out as [`Self::for_keys`] does.
    pub fn for_certificate(server_id: &str, username: UserName, source_ip: IpAddr) -> Self {
        Self {
            certified: true,
            ..Self::for_keys(server_id, username, source_ip)
        }
    }

    /// Asks whether this is the user's password.
    ///
    /// # Errors
    /// [`NoPassword`] where it is empty.
    pub fn for_password(
        server_id: &str,
        username: UserName,
        source_ip: IpAddr,
        password: &Secret<String>,
    ) -> Result<Self, NoPassword> {
        match password.expose().is_empty() {
            true => Err(NoPassword),
            false => Ok(Self {
                password: Some(password.clone()),
                ..Self::for_keys(server_id, username, source_ip)
            }),
        }
    }

    /// What the answer is to be read as an answer to.
    pub fn asked(&self) -> Asked {
        match self.password {
            Some(_) => Asked::Password,
            None if self.certified => Asked::Certificate,
            None => Asked::PublicKey,
        }
    }

    /// The event that the function is invoked with, as JSON. For public keys the password is
    /// there and empty, so that functions which look into it do not stumble.
    pub fn lambda_event(&self) -> Secret<Vec<u8>> {
        let event = LambdaEvent {
            username: self.username.as_str(),
            password: self.password.as_ref().map_or("", |text| text.expose()),
            protocol: Self::PROTOCOL,
            server_id: &self.server_id,
            source_ip: self.source_ip.to_string(),
        };
        Secret::new(serde_json::to_vec(&event).expect("strings alone are always JSON"))
    }

    /// `GET {base}/servers/{serverId}/users/{username}/config?protocol=SFTP&sourceIp=..`.
    pub fn gateway_request(&self, base: &str) -> GatewayRequest {
        let encoded = |text| utf8_percent_encode(text, UNRESERVED);
        let address = self.source_ip.to_string();
        let url = format!(
            "{}/servers/{}/users/{}/config?protocol={}&sourceIp={}",
            base.trim_end_matches('/'),
            encoded(&self.server_id),
            encoded(self.username.as_str()),
            Self::PROTOCOL,
            encoded(&address),
        );
        let headers = self.password.as_ref().map(headers).unwrap_or_default();
        GatewayRequest { url, headers }
    }
}

/// `PasswordBase64` holds every password. `Password` is for APIs of before: it holds only what
/// arrives as it was sent, so no spaces at the ends, and nothing beyond printable ASCII.
fn headers(password: &Secret<String>) -> Vec<(&'static str, Secret<String>)> {
    let text = password.expose();
    let encoded = Secret::new(STANDARD.encode(text));
    let mut headers = vec![("PasswordBase64", encoded)];
    let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if printable && text.trim() == text {
        headers.push(("Password", password.clone()));
    }
    headers
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ask(name: &str, password: &str) -> IdentityRequest {
        let name = UserName::parse(name).expect("name");
        let address = "192.0.2.7".parse().expect("address");
        let password = Secret::new(password.to_owned());
        IdentityRequest::for_password("s-abcd123456", name, address, &password).expect("password")
    }

    fn ask_for_keys(name: &str, address: &str) -> IdentityRequest {
        let name = UserName::parse(name).expect("name");
        IdentityRequest::for_keys("s-abcd123456", name, address.parse().expect("address"))
    }

    fn header<'a>(request: &'a GatewayRequest, name: &str) -> Option<&'a str> {
        let header = request.headers.iter().find(|header| header.0 == name);
        header.map(|header| header.1.expose().as_str())
    }

    #[test]
    fn the_event_is_the_documented_one() {
        let event = ask("bobusa", "p\"w\u{e4}").lambda_event();
        assert_eq!(
            String::from_utf8_lossy(event.expose()),
            r#"{"username":"bobusa","password":"p\"wä","protocol":"SFTP","serverId":"s-abcd123456","sourceIp":"192.0.2.7"}"#
        );
        let event = ask_for_keys("bobusa", "::ffff:192.0.2.7").lambda_event();
        assert_eq!(
            String::from_utf8_lossy(event.expose()),
            r#"{"username":"bobusa","password":"","protocol":"SFTP","serverId":"s-abcd123456","sourceIp":"192.0.2.7"}"#
        );
    }

    #[test]
    fn the_url_is_the_documented_one() {
        let request = ask("bob@acme+x y".replace(' ', "%").as_str(), "pw")
            .gateway_request("https://a.example/prod/");
        assert_eq!(
            request.url,
            "https://a.example/prod/servers/s-abcd123456/users/bob%40acme%2Bx%25y/config\
             ?protocol=SFTP&sourceIp=192.0.2.7"
        );
        let request = ask_for_keys("b", "2001:db8::1").gateway_request("https://a.example");
        assert!(
            request.url.ends_with("&sourceIp=2001%3Adb8%3A%3A1"),
            "{}",
            request.url
        );
        assert!(request.headers.is_empty());
    }

    #[test]
    fn the_password_travels_in_headers_that_can_hold_it() {
        for (password, plain) in [
            ("fawrawt45245", true),
            ("two words", true),
            (" space", false),
            ("space ", false),
            ("gr\u{fc}n", false),
            ("line\r\nX-Admin: yes", false),
            ("tab\t", false),
        ] {
            let request = ask("bob", password).gateway_request("https://a.example");
            assert_eq!(header(&request, "Password"), plain.then_some(password));
            let encoded = STANDARD.encode(password);
            assert_eq!(header(&request, "PasswordBase64"), Some(encoded.as_str()));
        }
    }

    #[test]
    fn an_empty_password_is_not_asked_about() {
        let name = UserName::parse("bob").expect("name");
        let address = "192.0.2.7".parse().expect("address");
        let empty = Secret::new(String::new());
        let request = IdentityRequest::for_password("s-1", name, address, &empty);
        assert_eq!(request.expect_err("empty"), NoPassword);
        assert_eq!(ask_for_keys("bob", "192.0.2.7").asked(), Asked::PublicKey);
        assert_eq!(ask("bob", "pw").asked(), Asked::Password);
    }

    #[test]
    fn passwords_do_not_print() {
        let request = ask("bob", "hunter2");
        let printed = format!(
            "{request:?} {:?}",
            request.gateway_request("https://a.example")
        );
        assert!(!printed.contains("hunter2"), "{printed}");
    }

    proptest! {
        /// No name gets out of its place in the path.
        #[test]
        fn a_name_is_one_segment_of_the_path(name in "\\PC{1,40}") {
            let Ok(name) = UserName::parse(&name) else { return Ok(()) };
            let request = IdentityRequest::for_keys("s-1", name.clone(), "192.0.2.7".parse().expect("address"));
            let url = request.gateway_request("https://a.example").url;
            let rest = url.strip_prefix("https://a.example/servers/s-1/users/").expect("prefix");
            let segment = rest.strip_suffix("/config?protocol=SFTP&sourceIp=192.0.2.7").expect("suffix");
            prop_assert!(segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)));
            prop_assert!(segment != "." && segment != "..");
            let decoded = percent_encoding::percent_decode_str(segment).decode_utf8();
            prop_assert_eq!(decoded.expect("text"), name.as_str());
        }
    }
}
