//! The primary group of Active Directory: a number in the user's entry, and not a list of members
//! (MS-ADTS section 3.1.1.1.6, MS-DTYP section 2.4.2).

use super::client::Entry;

/// What is read of users to know it.
pub(super) const ATTRIBUTES: [&str; 2] = [SID, GROUP];

const SID: &str = "objectSid";
const GROUP: &str = "primaryGroupID";

/// What a user's primary group may be read by: `<SID=..>` stands for the name of the entry. None
/// where his entry does not say, as outside of Active Directory.
pub(super) fn group_of(user: &Entry) -> Option<String> {
    let group = u32::try_from(user.number(GROUP)?).ok()?;
    let sid = of_domain(user.values(SID).first()?, group)?;
    Some(format!("<SID={sid}>"))
}

/// The SID of this number in the domain of another one, written out.
fn of_domain(sid: &[u8], number: u32) -> Option<String> {
    let (&[revision, count], rest) = sid.split_first_chunk()?;
    let (authority, parts) = rest.split_first_chunk::<6>()?;
    if revision != 1 || parts.len() != usize::from(count) * 4 {
        return None;
    }
    let [a, b, c, d, e, f] = *authority;
    let authority = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    let (parts, []) = parts.as_chunks::<4>() else {
        return None;
    };
    // The last part is the user's own number.
    let (_own, domain) = parts.split_last()?;
    let domain = domain.iter().map(|part| u32::from_le_bytes(*part));
    let parts = domain.chain([number]).map(|part| format!("-{part}"));
    Some(format!("S-1-{authority}{}", parts.collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S-1-5-21-1004336348-1177238915-682003330-512, as MS-DTYP has it for an example.
    const SID_512: [u8; 28] = [
        1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 0xdc, 0xf4, 0xdc, 0x3b, 0x83, 0x3d, 0x2b, 0x46, 0x82,
        0x8b, 0xa6, 0x28, 0, 2, 0, 0,
    ];

    fn user(sid: &[u8], group: &str) -> Entry {
        let mut entry = Entry::new("cn=a");
        entry.insert(SID, vec![sid.to_vec()]);
        entry.insert(GROUP, vec![group.into()]);
        entry
    }

    #[test]
    fn a_primary_group_is_of_the_domain_of_its_user() {
        assert_eq!(
            group_of(&user(&SID_512, "513")).as_deref(),
            Some("<SID=S-1-5-21-1004336348-1177238915-682003330-513>")
        );
    }

    #[test]
    fn what_is_no_sid_or_no_number_names_no_group() {
        for (sid, group) in [
            (&SID_512[..], "-1"),
            (&SID_512, "4294967296"),
            (&SID_512, "513)(cn=*"),
            (&SID_512[..27], "513"),
            (&SID_512[..8], "513"),
            (&[1, 0, 0, 0, 0, 0, 0, 5], "513"),
            (&[2, 1, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0], "513"),
            (b"", "513"),
        ] {
            assert_eq!(group_of(&user(sid, group)), None, "{sid:?} {group}");
        }
        assert_eq!(group_of(&Entry::new("cn=a")), None);
    }
}
