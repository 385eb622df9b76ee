//! READDIR: the entries of one directory handle, in packets that every client takes.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use gateway::FileAttributes;
use sftp::{Name, Reply, Status, StatusCode};

use super::Shared;
use super::lane::{Lane, Next};
use super::{attributes, longname, reads};

/// The longest NAME packet: JSch reads an entry into 32 KiB, sshfs takes 128 KiB in all.
const MAX_PACKET: usize = 32 << 10;

/// Serves a lane until it is closed and empty. READDIRs are answered one by one, and those behind
/// the end as often as they come (FileZilla keeps four of them going).
pub(super) async fn serve(shared: Arc<Shared>, lane: Arc<Lane>) {
    let mut names = VecDeque::new();
    let mut begun = false;
    loop {
        match lane.next() {
            Next::End => break,
            Next::Wait => lane.changed().await,
            Next::Read(read) => {
                if !std::mem::replace(&mut begun, true) {
                    names.extend(dots(&shared, &lane).await);
                }
                match fill(&shared, &lane, &mut names).await {
                    Ok(()) => answer(&shared, read.id, &mut names).await,
                    Err(error) => shared.fail(read.id, "readdir", &error),
                }
            }
        }
    }
    lane.drained.cancel();
}

/// Gets more entries where none is left; leaves `names` empty at the end.
async fn fill(shared: &Shared, lane: &Lane, names: &mut VecDeque<Name>) -> gateway::Result<()> {
    while names.is_empty() {
        let Some(entries) = shared.session.read_directory(lane.handle).await? else {
            return Ok(());
        };
        names.extend(entries.iter().map(|e| name(shared, &e.name, &e.attributes)));
    }
    Ok(())
}

async fn answer(shared: &Shared, id: sftp::RequestId, names: &mut VecDeque<Name>) {
    let mut bytes = 0;
    let fitting = names
        .iter()
        .take_while(|name| {
            bytes += name.encoded_len();
            bytes <= MAX_PACKET
        })
        .count();
    // A single name is far shorter than a packet.
    let packet: Vec<Name> = names.drain(..fitting.max(1).min(names.len())).collect();
    if packet.is_empty() {
        let end = Status::new(StatusCode::Eof, StatusCode::Eof.text());
        return shared.outbox.add(id, &end.into());
    }
    let counted = u32::try_from(bytes.min(MAX_PACKET)).unwrap_or(0);
    if let Some(permit) = reads::take(&shared.replies, counted).await {
        shared.outbox.add_counted(id, &Reply::Name(packet), permit);
    }
}

/// `.` and `..`, which clients of a Unix server see.
async fn dots(shared: &Shared, lane: &Lane) -> Vec<Name> {
    match shared.session.stat_handle(lane.handle).await {
        Ok(attributes) => [".", ".."].map(|dot| name(shared, dot, &attributes)).into(),
        // The listing itself says what is wrong.
        Err(_) => Vec::new(),
    }
}

fn name(shared: &Shared, name: &str, attributes: &FileAttributes) -> Name {
    let now = shared.clock.now();
    Name {
        name: Bytes::copy_from_slice(name.as_bytes()),
        longname: longname::longname(name, attributes, now).into(),
        attributes: attributes::reply(attributes),
    }
}
