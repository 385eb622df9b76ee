//! SFTPGo's permissions of a folder, as ours.

use policy::{Action, Permissions};

/// What a list of words allows here, and which of them are allowed by half alone, which is not at
/// all here.
pub(super) fn read(words: &[String]) -> (Permissions, Vec<&'static str>) {
    let has = |word: &str| words.iter().any(|it| it == word);
    if has("*") {
        return (Permissions::ALL, Vec::new());
    }
    let mut halves = Vec::new();
    let mut both = |whole: &str, files: &'static str, folders: &'static str| {
        if has(whole) || (has(files) && has(folders)) {
            return true;
        }
        halves.extend([files, folders].into_iter().filter(|half| has(half)));
        false
    };
    let allowed = [
        (Action::List, has("list")),
        (Action::Read, has("download")),
        (Action::Write, has("upload")),
        (Action::Overwrite, has("overwrite")),
        (
            Action::Rename,
            both("rename", "rename_files", "rename_dirs"),
        ),
        (
            Action::Delete,
            both("delete", "delete_files", "delete_dirs"),
        ),
        (Action::Mkdir, has("create_dirs")),
    ];
    let allowed = allowed.into_iter().filter(|(_, is)| *is);
    (allowed.map(|(action, _)| action).collect(), halves)
}
