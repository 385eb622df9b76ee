//! What one partner would notice: at his login, in his tree, in his files.

use super::Settings;
use super::contents::compare_contents;
use super::notice::{Collector, Notices};
use super::server::{Entrance, Place};
use super::tree::Walk;
use super::users::Partner;
use crate::Result;

/// Compares both servers as this partner. What fails for him is told as a notice of his.
pub(crate) async fn compare_partner(
    old: &Entrance,
    new: &Entrance,
    partner: &Partner,
    settings: &Settings,
) -> Notices {
    let mut found = Collector::new(Some(&partner.name), settings.notices);
    found.told.partners = 1;
    if let Some((old, new)) = Box::pin(enter(old, new, partner, &mut found)).await
        && let Err(error) = Box::pin(look(&old, &new, settings, &mut found)).await
    {
        found.unseen(error);
    }
    found.told
}

async fn enter(
    old: &Entrance,
    new: &Entrance,
    partner: &Partner,
    found: &mut Collector,
) -> Option<(Place, Place)> {
    let (one, other) = tokio::join!(old.enter(partner), new.enter(partner));
    let word = |entered: &Result<(client::Seen, Option<Place>)>| match entered {
        Ok((_, Some(_))) => "taken".to_owned(),
        Ok((_, None)) => "refused".to_owned(),
        Err(error) => format!("failed ({error})"),
    };
    match (word(&one), word(&other)) {
        (old, new) if old == new && old != "taken" => {
            found.unseen(format!("the login is {old} at both servers"));
        }
        (old, new) => found.compare("login", None, Some(old), Some(new)),
    }
    let ((before, one), (after, other)) = (one.ok()?, other.ok()?);
    let banner = |banner: Option<String>| banner.map(|text| text.trim_end().to_owned());
    found.compare("banner", None, banner(before.banner), banner(after.banner));
    Some((one?, other?))
}

async fn look(old: &Place, new: &Place, settings: &Settings, found: &mut Collector) -> Result<()> {
    let shown = |home: &[u8]| Some(String::from_utf8_lossy(home).into_owned());
    found.compare(
        "working directory",
        None,
        shown(&old.home),
        shown(&new.home),
    );
    let mut walk = Walk::new(old, new, settings);
    walk.run(found).await?;
    for (name, size) in walk.sample() {
        compare_contents((old, new), &name, size, settings, found).await;
    }
    Ok(())
}
