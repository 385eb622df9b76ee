//! What counts for whom, and whether more fits.

use database::{Claim, Correction, Demand, Quota};
use model::UserId;

use crate::fixture::{Fixture, NOW, commit, intent, on_both_engines, request_of};

on_both_engines!(
    uploads_side_by_side_are_all_counted,
    of_claims_side_by_side_no_more_are_granted_than_fit,
    a_count_says_what_was_found,
);

const EACH: u64 = 10;

async fn upload(fixture: &Fixture, owner: UserId, key: &str, quota: Quota) -> bool {
    let mut new = intent(key);
    new.owner = owner;
    let mut request = request_of(&new);
    if let Some(transfer) = &mut request.transfer {
        transfer.intent = Some(Box::new(new.clone()));
        transfer.demand = (!quota.is_unlimited()).then_some(Demand {
            owner,
            quota,
            size: EACH,
        });
    }
    let writer = fixture.database.writer();
    let claim = writer.claim_publication(request).await.expect("an answer");
    let publication = match claim {
        Claim::Granted(publication) => publication,
        Claim::Full(why) => {
            assert!(why.contains("bytes in all"), "{why}");
            return false;
        }
        held @ Claim::Held { .. } => panic!("{held:?}"),
    };
    let mut commit = commit(&new);
    commit.publication = Some(publication);
    commit.completed.size = EACH;
    commit.event.user_id = Some(owner);
    writer.commit_upload(commit).await.expect("committed");
    true
}

async fn uploads_side_by_side_are_all_counted(fixture: Fixture) {
    let owners = [UserId::generate(), UserId::generate(), UserId::generate()];
    let quota = Quota {
        bytes: Some(1 << 40),
        files: None,
    };
    let keys: Vec<String> = (0..40).map(|number| format!("k{number:02}")).collect();
    for round in 0..3 {
        let uploads = keys.iter().enumerate().map(|(number, key)| {
            let bounded = if number % 2 == 0 {
                quota
            } else {
                Quota::default()
            };
            upload(&fixture, owners[(number + round) % 3], key, bounded)
        });
        let done = futures::future::join_all(uploads).await;
        assert!(done.into_iter().all(|done| done), "it fits");
    }
    let usage = fixture.database.usage();
    let mut files = 0;
    for owner in owners {
        let summed = usage.of(owner, None).await.expect("read");
        let counted = usage.counted(owner, NOW).await.expect("counted");
        assert_eq!((summed.bytes, summed.files), (counted.bytes, counted.files));
        assert_eq!(summed.bytes, summed.files * EACH);
        files += summed.files;
    }
    assert_eq!(files, 40, "each key counts once, for its last owner");
}

async fn of_claims_side_by_side_no_more_are_granted_than_fit(fixture: Fixture) {
    let owner = UserId::generate();
    let quota = Quota {
        bytes: Some(7 * EACH + 9),
        files: None,
    };
    let keys: Vec<String> = (0..30).map(|number| format!("k{number:02}")).collect();
    let uploads = keys.iter().map(|key| upload(&fixture, owner, key, quota));
    let done = futures::future::join_all(uploads).await;
    assert_eq!(done.into_iter().filter(|done| *done).count(), 7);
    let used = fixture
        .database
        .usage()
        .of(owner, None)
        .await
        .expect("read");
    assert_eq!((used.bytes, used.files), (7 * EACH, 7));
}

async fn a_count_says_what_was_found(fixture: Fixture) {
    let (owner, other) = (UserId::generate(), UserId::generate());
    for key in ["k1", "k2", "k3"] {
        assert!(upload(&fixture, owner, key, Quota::default()).await);
    }
    assert!(upload(&fixture, other, "k4", Quota::default()).await);
    let location = |key: &str| intent(key).location;
    let usage = fixture.database.usage();
    let all = usage
        .between(&location("k").bucket, "", "", None, 100)
        .await
        .expect("read");
    let prefix = all[0].key.strip_suffix("k1").expect("its key").to_owned();
    let found = usage
        .between(
            &location("k").bucket,
            &prefix,
            &all[0].key,
            Some(&all[2].key),
            100,
        )
        .await;
    assert_eq!(found.expect("read"), all[1..3]);
    let later = NOW.plus(std::time::Duration::from_secs(3600));
    let corrections = [
        Correction::Found(location("k0"), 7),
        Correction::Changed(location("k1"), 11),
        Correction::Gone(location("k2")),
        Correction::Gone(location("k4")),
        Correction::Found(location("k3"), 1000),
    ];
    let corrected = usage.correct(owner, &corrections, later).await;
    corrected.expect("written");
    let summed = usage.counted(owner, later).await.expect("counted");
    assert_eq!((summed.bytes, summed.files), (7 + 11 + 10, 3));
    assert_eq!(summed.counted, Some(later));
    let others = usage.of(other, None).await.expect("read");
    assert_eq!((others.bytes, others.files), (10, 1));
    // What was changed since a count began stays.
    let stale = [Correction::Gone(location("k3"))];
    let epoch = model::Timestamp::from_seconds(0);
    usage.correct(owner, &stale, epoch).await.expect("written");
    let held = usage.held_by(owner, None, 100).await.expect("read");
    assert_eq!(held.len(), 3);
}
