//! `authorized_keys`: keys and the options before them (`sshd(8)`, AUTHORIZED_KEYS FILE FORMAT).

use database::KeyBounds;
use identity::PublicKey;
use model::Timestamp;

use crate::users::arrivals::ArrivingKey;
use crate::users::bounds;
use crate::users::finding::Finding;

/// What the first word of a line without options begins with.
const ALGORITHMS: [&str; 4] = ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"];

/// Options about what there is none of here: a terminal, forwarding, a shell.
const WITHOUT_MEANING: [&str; 19] = [
    "restrict",
    "pty",
    "no-pty",
    "port-forwarding",
    "no-port-forwarding",
    "agent-forwarding",
    "no-agent-forwarding",
    "x11-forwarding",
    "no-x11-forwarding",
    "user-rc",
    "no-user-rc",
    "touch-required",
    "no-touch-required",
    "permitopen",
    "permitlisten",
    "environment",
    "tunnel",
    "principals",
    "no-cert-authority",
];

/// The keys of a file. What cannot be kept is told in `findings`, about `about`: a key never comes
/// over with fewer bounds than it had.
pub(crate) fn read(text: &str, about: &str, findings: &mut Vec<Finding>) -> Vec<ArrivingKey> {
    let mut keys = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let place = format!("{about}, key in line {number}");
        match key(line, &place, findings) {
            Ok(key) => keys.push(key),
            Err(why) => findings.push(Finding::fault(place, format!("{why}: it stays behind"))),
        }
    }
    keys
}

fn key(line: &str, place: &str, findings: &mut Vec<Finding>) -> Result<ArrivingKey, String> {
    let (options, key) = split(line);
    let mut bounds = KeyBounds::default();
    for option in options {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, unquoted(value)),
            None => (option.as_str(), String::new()),
        };
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "from" => bounds.networks = bounds::patterns(&value)?,
            "expiry-time" => bounds.expires = Some(expiry(&value)?),
            "command" if serves_files(&value) => {}
            "command" => {
                return Err("its command= lets it do one thing alone, which is not SFTP".to_owned());
            }
            "cert-authority" => {
                return Err(
                    "it is that of a certificate authority: identity.certificate_authorities \
                     takes it"
                        .to_owned(),
                );
            }
            "verify-required" => {
                return Err("its verify-required cannot be asked for here".to_owned());
            }
            known if WITHOUT_MEANING.contains(&known) => {}
            _ => {
                // A word of another kind of file is nobody's business.
                let is_word =
                    name.len() <= 30 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
                return Err(match is_word {
                    true => format!("its option {name} is not known"),
                    false => "it is neither a key nor an option that is known".to_owned(),
                });
            }
        }
        if [
            "environment",
            "tunnel",
            "permitopen",
            "permitlisten",
            "principals",
        ]
        .contains(&name.as_str())
        {
            let what = format!("its option {name} means nothing here");
            findings.push(Finding::note(place, what));
        }
    }
    let key = PublicKey::parse(key).map_err(|error| error.to_string())?;
    Ok(ArrivingKey { key, bounds })
}

/// Options, one by one, and the key behind them. Quotes hide commas and blanks.
fn split(line: &str) -> (Vec<String>, &str) {
    if ALGORITHMS.iter().any(|start| line.starts_with(start)) {
        return (Vec::new(), line);
    }
    let (mut options, mut option) = (Vec::new(), String::new());
    let (mut quoted, mut escaped) = (false, false);
    for (at, character) in line.char_indices() {
        match character {
            '"' if !escaped => quoted = !quoted,
            ',' if !quoted => {
                options.push(std::mem::take(&mut option));
                continue;
            }
            ' ' | '\t' if !quoted => {
                options.push(option);
                return (options, line.get(at..).unwrap_or_default().trim());
            }
            _ => {}
        }
        escaped = character == '\\' && !escaped;
        option.push(character);
    }
    (options, line)
}

fn unquoted(value: &str) -> String {
    let value = value.trim();
    let inner = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    inner.unwrap_or(value).replace("\\\"", "\"")
}

/// Whether a forced command is the SFTP server itself, and nothing less.
pub(crate) fn serves_files(command: &str) -> bool {
    let mut words = command.split_ascii_whitespace();
    let program = words.next().unwrap_or_default();
    let is_server = program == "internal-sftp" || program.ends_with("/sftp-server");
    // Of its options only those that log, or set a mask, take nothing away.
    is_server && !words.any(|word| ["-R", "-P", "-p"].contains(&word))
}

/// `YYYYMMDD[Z]` or `YYYYMMDDHHMM[SS][Z]`, in the machine's time or, with Z, in UTC.
fn expiry(text: &str) -> Result<Timestamp, String> {
    let digits = text.trim_end_matches(['Z', 'z']);
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or("00");
    let valid = digits.bytes().all(|byte| byte.is_ascii_digit());
    if !valid || ![8, 12, 14].contains(&digits.len()) {
        return Err("its expiry-time= is not YYYYMMDD or YYYYMMDDHHMM".to_owned());
    }
    let whole = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0..4),
        part(4..6),
        part(6..8),
        part(8..10),
        part(10..12),
        part(12..14)
    );
    let time = bounds::time(&whole);
    time.ok_or_else(|| "its expiry-time= is no time".to_owned())
}
