//! The bytes of one file on both servers.

use super::Settings;
use super::notice::Collector;
use super::server::Place;
use crate::files::{Digest, printed};

/// Compares a file's bytes, as far as they are to be looked at.
pub(crate) async fn compare_contents(
    (old, new): (&Place, &Place),
    name: &[u8],
    size: u64,
    settings: &Settings,
    found: &mut Collector,
) {
    let most = size.min(settings.sample_bytes);
    let (one, other) = tokio::join!(digest(old, name, most), digest(new, name, most));
    // A file that one of them does not give is noticed as well.
    let word =
        |read: client::Result<String>| read.unwrap_or_else(|error| error.reason().to_owned());
    found.told.contents += 1;
    let name = printed(name);
    found.compare("content", Some(&name), Some(word(one)), Some(word(other)));
}

async fn digest(place: &Place, name: &[u8], most: u64) -> client::Result<String> {
    let mut reader = place.sftp.read(&place.path(name), 0, Some(most)).await?;
    let (mut digest, mut left) = (Digest::default(), most);
    while left > 0 {
        let Some(pieces) = reader.next().await? else {
            break;
        };
        for piece in pieces {
            let taken = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            digest.add(piece.get(..taken).unwrap_or_default());
            left -= taken as u64;
        }
    }
    reader.close().await?;
    Ok(format!("SHA-256 {}", digest.end()))
}
