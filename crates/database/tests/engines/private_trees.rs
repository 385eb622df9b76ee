//! Directories of private files that get another name.

use std::time::Duration;

use database::{
    AuditEntry, Detachment, NewTransfer, Outcome, PrivateId, PrivateTree, SetAttributes,
};
use model::ErrorKind;

use crate::fixture::{Fixture, NOW, intent, location, on_both_engines};

on_both_engines!(all_files_of_a_directory_get_their_new_places_or_none_does,);

async fn leave(fixture: &Fixture, key: &str, first: &NewTransfer) -> NewTransfer {
    let new = NewTransfer {
        owner: first.owner,
        ..intent(key)
    };
    let writer = fixture.database.writer();
    writer.begin_intent(new.clone()).await.expect("begun");
    let left = Detachment {
        file: PrivateId {
            transfer: new.id,
            epoch: 0,
        },
        progress: Some("{}".to_owned()),
        safe: 7,
        set: SetAttributes::default(),
        changed: NOW,
        expires: NOW.plus(Duration::from_secs(60)),
        target: None,
        publication: None,
        audit: None,
        event: None,
    };
    writer.detach(left).await.expect("left");
    new
}

async fn all_files_of_a_directory_get_their_new_places_or_none_does(fixture: Fixture) {
    fixture.start_node_1().await;
    let first = intent("unused");
    let inside = leave(&fixture, "d/sub/a", &first).await;
    let beside = leave(&fixture, "d2/b", &first).await;
    let tree = |to: &str| PrivateTree {
        owner: first.owner,
        from: location("d/"),
        to: location(to),
        to_path: format!("/{}", to.trim_end_matches('/')),
        now: NOW,
    };
    let audit = AuditEntry::new("rename", Outcome::Success, NOW);
    let writer = fixture.database.writer();
    for try_ in ["once", "a retry"] {
        let moved = writer.move_private_tree(tree("e/f/"), audit.clone()).await;
        assert_eq!(moved.expect(try_), 1, "{try_}");
    }
    let found = async |new: &NewTransfer| {
        let files = fixture.database.private_files();
        let found = files.by_id(new.id).await.expect("looked up");
        let row = found.expect("its row").transfer.intent;
        (row.location, row.path)
    };
    let expected = (location("e/f/sub/a"), "/e/f/sub/a".to_owned());
    assert_eq!(found(&inside).await, expected);
    assert_eq!(found(&beside).await.0, location("d2/b"));

    // One whose parts are at its key keeps all of them where they are.
    let free = leave(&fixture, "d/free", &first).await;
    let bound = leave(&fixture, "d/bound", &first).await;
    let sql = format!(
        "UPDATE transfers SET upload_id = 'u' WHERE id = '{}'",
        bound.id
    );
    fixture.execute(&sql).await;
    let audit = AuditEntry::new("rename", Outcome::Success, NOW);
    let refused = writer.move_private_tree(tree("g/"), audit).await;
    assert_eq!(refused.expect_err("bound").kind(), ErrorKind::Conflict);
    for new in [&free, &bound] {
        assert_eq!(found(new).await.0, new.location);
    }
}
