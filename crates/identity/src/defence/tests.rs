//! What the defence promises, without database and network.

use database::{Ban, EarnedBan, Score, StoredBan};
use model::ManualClock;

use super::*;
use crate::Networks;

const START: Timestamp = Timestamp::from_seconds(1_790_000_000);

fn defence(settings: DefenceSettings) -> (Defence, ManualClock) {
    let clock = ManualClock::new(START);
    (Defence::new(settings, Arc::new(clock.clone())), clock)
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("address")
}

fn guesser() -> IpAddr {
    address("192.0.2.1")
}

fn reason(decision: &Decision) -> &'static str {
    match decision {
        Decision::Proceed { .. } => "proceed",
        Decision::Refuse(refusal) => refusal.reason(),
    }
}

fn attempt(defence: &Defence, from: &str, name: &str) -> &'static str {
    reason(&defence.attempt(Some(address(from)), name))
}

/// A wrong password that nobody has tried before.
fn guess(defence: &Defence, from: IpAddr, name: &str, n: usize) -> Option<Ban> {
    defence.refused(from, name, Some(&Secret::new(format!("guess {n}"))))
}

/// How many guesses, one every `pause` seconds, end in a ban.
fn guesses_until_ban(defence: &Defence, clock: &ManualClock, pause: u64) -> (usize, Option<Ban>) {
    for n in 1..=200 {
        if let Some(ban) = guess(
            defence,
            guesser(),
            "acme",
            n + clock.now().as_seconds() as usize,
        ) {
            return (n, Some(ban));
        }
        clock.advance(Duration::from_secs(pause));
    }
    (200, None)
}

fn stated(network: &str, until: Timestamp, changed: Timestamp) -> StoredBan {
    let ban = Ban {
        network: network.parse().expect("network"),
        reason: "by hand".to_owned(),
        since: START,
        until,
        by: Some("ann".to_owned()),
        repeated: 0,
    };
    StoredBan { ban, changed }
}

#[test]
fn names_of_the_deny_list_are_refused_and_others_are_not() {
    let (defence, _) = defence(DefenceSettings::default());
    for (name, decision) in [
        ("root", "denied_name"),
        ("Admin", "denied_name"),
        ("acme", "proceed"),
    ] {
        assert_eq!(attempt(&defence, "192.0.2.1", name), decision);
        assert_eq!(reason(&defence.attempt(None, name)), decision);
        let offered = defence.offer(Some(guesser()), name);
        assert_eq!(offered.is_ok(), decision == "proceed");
    }
}

#[test]
fn networks_are_looked_at_before_anything_is_counted() {
    let networks = Networks::parse(["192.0.2.0/24"], []).expect("networks");
    let (defence, _) = defence(DefenceSettings {
        networks,
        ..DefenceSettings::default()
    });
    assert_eq!(defence.connection(address("192.0.2.1")), Decision::AT_ONCE);
    assert_eq!(
        reason(&defence.connection(address("198.51.100.1"))),
        "network"
    );
}

#[test]
fn twenty_guesses_in_a_row_end_in_a_ban_of_a_quarter_hour() {
    let (defence, clock) = defence(DefenceSettings::default());
    let (guesses, ban) = guesses_until_ban(&defence, &clock, 0);
    let ban = ban.expect("banned");
    assert_eq!(guesses, 20);
    assert_eq!(ban.until, START.plus(Duration::from_secs(15 * 60)));
    assert_eq!(ban.reason, "refused_logins");
    assert_eq!(reason(&defence.connection(guesser())), "banned");
    assert_eq!(attempt(&defence, "192.0.2.1", "acme"), "banned");
    assert!(defence.offer(Some(guesser()), "acme").is_err());
    assert_eq!(defence.connection(address("192.0.2.2")), Decision::AT_ONCE);
    assert_eq!(attempt(&defence, "192.0.2.2", "acme"), "proceed");
    assert_eq!(defence.bans(), std::slice::from_ref(&ban));
    clock.advance(ban.until.since(clock.now()));
    assert_eq!(defence.connection(guesser()), Decision::AT_ONCE);
    assert!(defence.bans().is_empty());
}

#[test]
fn known_and_unknown_names_are_as_far_from_a_ban() {
    let settings = DefenceSettings::default();
    let steps = |names: fn(usize) -> String| {
        let (defence, _) = defence(settings.clone());
        let mut holds = Vec::new();
        for n in 0..100 {
            let banned = guess(&defence, guesser(), &names(n), n).is_some();
            holds.push((defence.tarpit(guesser()), banned));
            if banned {
                break;
            }
        }
        holds
    };
    assert_eq!(
        steps(|_| "acme".to_owned()),
        steps(|n| format!("nobody{n}"))
    );
}

#[test]
fn who_errs_seldom_is_never_banned() {
    let (patient, clock) = defence(DefenceSettings::default());
    assert_eq!(guesses_until_ban(&patient, &clock, 60).1, None);
    let (hasty, clock) = defence(DefenceSettings::default());
    assert!(guesses_until_ban(&hasty, &clock, 30).1.is_some());
}

#[test]
fn a_forgotten_script_with_an_old_password_is_no_guesser() {
    let (defence, clock) = defence(DefenceSettings::default());
    for _ in 0..1000 {
        assert_eq!(guess(&defence, guesser(), "acme", 1), None);
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(defence.tarpit(guesser()), Duration::ZERO);
    // The same password under many names is a guess each.
    let banned = (0..100).find(|n| guess(&defence, guesser(), &format!("u{n}"), 1).is_some());
    assert_eq!(banned, Some(19));
}

#[test]
fn bans_that_follow_each_other_are_longer_up_to_a_bound() {
    let (defence, clock) = defence(DefenceSettings::default());
    let mut lengths = Vec::new();
    for _ in 0..9 {
        let ban = guesses_until_ban(&defence, &clock, 0).1.expect("banned");
        let length = ban.until.since(clock.now());
        lengths.push(length.as_secs() / 60);
        clock.advance(length);
    }
    assert_eq!(lengths, [15, 30, 60, 120, 240, 480, 960, 1440, 1440]);
    clock.advance(Duration::from_secs(24 * 60 * 60));
    let ban = guesses_until_ban(&defence, &clock, 0).1.expect("banned");
    assert_eq!(ban.until.since(clock.now()), Duration::from_secs(15 * 60));
}

#[test]
fn a_neighbour_who_guesses_does_not_lock_out_who_got_in_lately() {
    let (defence, clock) = defence(DefenceSettings::default());
    defence.succeeded(guesser(), "neighbour");
    assert!(guesses_until_ban(&defence, &clock, 0).1.is_some());
    assert_eq!(defence.connection(guesser()), Decision::AT_ONCE);
    assert_eq!(attempt(&defence, "192.0.2.1", "neighbour"), "proceed");
    assert_eq!(attempt(&defence, "192.0.2.1", "acme"), "banned");
    assert_eq!(attempt(&defence, "192.0.2.1", "third"), "banned");
    // Nor are his name and address a way in for guesses at his password.
    for n in 0..5 {
        assert_eq!(attempt(&defence, "192.0.2.1", "neighbour"), "proceed");
        guess(&defence, guesser(), "neighbour", 1000 + n);
    }
    assert_eq!(attempt(&defence, "192.0.2.1", "neighbour"), "banned");
}

#[test]
fn a_success_takes_back_ones_own_mistakes_and_nobody_elses() {
    let (defence, _) = defence(DefenceSettings::default());
    for n in 0..10 {
        guess(&defence, guesser(), "acme", n);
    }
    defence.succeeded(guesser(), "other");
    assert_eq!(defence.tarpit(guesser()), Duration::from_millis(2500));
    for n in 0..4 {
        guess(&defence, guesser(), "other", n);
    }
    assert_eq!(defence.tarpit(guesser()), Duration::from_millis(3500));
    defence.succeeded(guesser(), "other");
    assert_eq!(defence.tarpit(guesser()), Duration::from_millis(2500));
    defence.succeeded(guesser(), "acme");
    assert_eq!(defence.tarpit(guesser()), Duration::ZERO);
}

#[test]
fn what_is_exempt_is_never_scored_nor_banned() {
    let mut settings = DefenceSettings::default();
    settings.scores.exempt = vec!["192.0.2.0/24".parse().expect("network")];
    settings.connections.burst = 1;
    let (defence, clock) = defence(settings);
    assert_eq!(guesses_until_ban(&defence, &clock, 0).1, None);
    let until = clock.now().plus(Duration::from_secs(60));
    defence.learn(vec![stated("192.0.2.1/32", until, START)], vec![], vec![]);
    for _ in 0..100 {
        assert_eq!(defence.connection(guesser()), Decision::AT_ONCE);
    }
    assert!(!defence.is_kept_out(guesser()));
}

#[test]
fn no_ban_at_all_where_none_is_wanted() {
    let mut settings = DefenceSettings::default();
    settings.scores.ban_at = 0;
    let (defence, clock) = defence(settings);
    assert_eq!(guesses_until_ban(&defence, &clock, 0).1, None);
    assert_eq!(defence.tarpit(guesser()), Duration::ZERO);
}

#[test]
fn staff_ban_networks_and_pardon_them() {
    let (defence, clock) = defence(DefenceSettings::default());
    defence.succeeded(guesser(), "acme");
    let until = clock.now().plus(Duration::from_secs(60));
    let bans = ["192.0.2.0/24", "2001:db8::/32"].map(|network| stated(network, until, START));
    defence.learn(bans.to_vec(), vec![], vec![]);
    for (from, decision) in [
        ("192.0.2.1", "banned"),
        ("::ffff:192.0.2.200", "banned"),
        ("2001:db8:1:2:3::4", "banned"),
        ("192.0.3.1", "proceed"),
        ("2001:db9::1", "proceed"),
    ] {
        assert_eq!(
            reason(&defence.connection(address(from))),
            decision,
            "{from}"
        );
        assert_eq!(attempt(&defence, from, "acme"), decision, "{from}");
        assert_eq!(defence.is_kept_out(address(from)), decision == "banned");
    }
    assert_eq!(defence.bans().len(), 2);
    let now = clock.now();
    defence.learn(vec![stated("192.0.2.0/24", now, now)], vec![], vec![]);
    assert_eq!(defence.connection(guesser()), Decision::AT_ONCE);
    clock.advance(Duration::from_secs(60));
    assert_eq!(
        defence.connection(address("2001:db8::1")),
        Decision::AT_ONCE,
        "it has run out"
    );
}

#[test]
fn what_one_node_tells_another_knows() {
    let (here, _) = defence(DefenceSettings::default());
    let (there, clock) = defence(DefenceSettings::default());
    for n in 0..12 {
        guess(&here, guesser(), "acme", n);
    }
    let told = here.take_untold(100);
    let [(source, micros)] = told.scores[..] else {
        panic!("{told:?}");
    };
    assert_eq!(micros, 12 * 2 * 30 * 1_000_000);
    assert!(here.take_untold(100).is_empty(), "told once");
    let clean = Timestamp::from_micros(START.as_micros() + micros);
    let score = Score { source, clean };
    for _ in 0..3 {
        there.learn(vec![], vec![score.clone()], vec![]);
    }
    let guesses = (0..100).find(|n| guess(&there, guesser(), "acme", *n).is_some());
    assert_eq!(guesses, Some(7), "8 of the 20 were left");
    let told = there.take_untold(100);
    assert!(told.scores.is_empty(), "paid by the ban");
    let changed = clock.now().plus(Duration::from_secs(1));
    let row = |earned: &EarnedBan| StoredBan {
        ban: earned.ban.clone(),
        changed,
    };
    let rows: Vec<StoredBan> = told.bans.iter().map(row).collect();
    here.learn(rows.clone(), vec![], vec![]);
    assert_eq!(reason(&here.connection(guesser())), "banned");
    here.succeeded(address("198.51.100.1"), "acme");
    let told = here.take_untold(100).familiar;
    assert_eq!(told.len(), 1);
    there.learn(vec![], vec![], told);
    here.succeeded(address("198.51.100.1"), "acme");
    assert!(here.take_untold(100).is_empty(), "not told every time");
    // Lifted: forgotten with what led to it, and old news do not bring it back.
    let mut lifted = rows[0].clone();
    lifted.ban.until = clock.now().plus(Duration::from_secs(2));
    lifted.changed = lifted.ban.until;
    clock.advance(Duration::from_secs(3));
    there.learn(vec![lifted.clone()], vec![], vec![]);
    there.learn(rows, vec![], vec![]);
    assert_eq!(there.connection(guesser()), Decision::AT_ONCE);
    let (guesses, ban) = guesses_until_ban(&there, &clock, 0);
    let ban = ban.expect("banned");
    assert_eq!((guesses, ban.repeated), (20, 0));
    there.learn(vec![lifted], vec![], vec![]);
    assert_eq!(
        reason(&there.connection(guesser())),
        "banned",
        "earned since"
    );
}

#[test]
fn what_could_not_be_told_is_told_later() {
    let (defence, clock) = defence(DefenceSettings::default());
    defence.succeeded(address("192.0.2.7"), "acme");
    defence.refused(address("192.0.2.8"), "acme", None);
    guesses_until_ban(&defence, &clock, 0);
    let told = defence.take_untold(100);
    assert_eq!(
        (told.bans.len(), told.scores.len(), told.familiar.len()),
        (1, 1, 1)
    );
    defence.put_back(told.clone());
    assert_eq!(defence.take_untold(100), told);
}

#[test]
fn a_flood_of_addresses_does_not_wash_bans_away() {
    let (defence, clock) = defence(DefenceSettings {
        remembered: 1000,
        ..DefenceSettings::default()
    });
    assert!(guesses_until_ban(&defence, &clock, 0).1.is_some());
    for n in 0..5000_u32 {
        defence.offended(IpAddr::from(n.to_be_bytes()), Offence::Stalled);
        guess(&defence, IpAddr::from(n.to_be_bytes()), &format!("{n}"), 0);
    }
    assert_eq!(reason(&defence.connection(guesser())), "banned");
    assert!(defence.take_untold(10_000).scores.len() <= 1000);
}

#[test]
fn a_user_is_slowed_and_not_locked_out() {
    let settings = DefenceSettings {
        attempts: Rate {
            burst: 2,
            every: Duration::from_secs(3),
        },
        ..DefenceSettings::default()
    };
    let (defence, clock) = defence(settings);
    // Each guess from another address, as a botnet does.
    let attempt = |n: u8| defence.attempt(Some(IpAddr::from([192, 0, 2, n])), "acme");
    let wait = |seconds| Decision::Proceed {
        wait: Duration::from_secs(seconds),
    };
    assert_eq!([attempt(1), attempt(2)], [wait(0), wait(0)]);
    assert_eq!(
        [attempt(3), attempt(4), attempt(5)],
        [wait(3), wait(6), wait(9)]
    );
    assert_eq!([attempt(6), attempt(7)], [wait(10), wait(10)]);
    let other = defence.attempt(Some(address("192.0.2.7")), "other");
    assert_eq!(other, wait(0));
    clock.advance(Duration::from_secs(3));
    assert_eq!(attempt(8), wait(9));
}

#[test]
fn a_user_is_not_even_slowed_where_he_got_in_lately() {
    let settings = DefenceSettings {
        attempts: Rate {
            burst: 1,
            every: Duration::from_secs(60),
        },
        ..DefenceSettings::default()
    };
    let patience = Decision::Proceed {
        wait: settings.patience,
    };
    let (defence, clock) = defence(settings);
    let attempt = |from: &str| defence.attempt(Some(address(from)), "acme");
    defence.succeeded(address("192.0.2.1"), "acme");
    for n in 10..60_u8 {
        defence.attempt(Some(IpAddr::from([198, 51, 100, n])), "acme");
    }
    assert_eq!(attempt("192.0.2.1"), Decision::AT_ONCE);
    assert_eq!(attempt("192.0.2.2"), patience);
    clock.advance(Duration::from_secs(31 * 24 * 60 * 60));
    assert_eq!(
        attempt("192.0.2.1"),
        Decision::AT_ONCE,
        "the bucket is full"
    );
    assert_eq!(attempt("192.0.2.1"), patience, "and he is a stranger again");
}

#[test]
fn an_address_that_connects_too_often_is_refused_until_it_calms_down() {
    let settings = DefenceSettings {
        connections: Rate {
            burst: 3,
            every: Duration::from_secs(1),
        },
        ..DefenceSettings::default()
    };
    let (defence, clock) = defence(settings);
    let connect = || defence.connection(address("2001:db8::1"));
    for _ in 0..3 {
        assert_eq!(connect(), Decision::AT_ONCE);
    }
    assert_eq!(reason(&connect()), "too_often");
    let neighbour = defence.connection(address("2001:db8::2"));
    assert_eq!(reason(&neighbour), "too_often", "one of the same /64");
    assert_eq!(
        defence.connection(address("2001:db8:0:1::1")),
        Decision::AT_ONCE
    );
    clock.advance(Duration::from_secs(1));
    assert_eq!(connect(), Decision::AT_ONCE);
}
