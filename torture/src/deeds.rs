//! What a partner does besides uploading: each deed with the outcomes that it may have where its
//! answer does not come.

use sftp::{Attributes, Times};
use testkit::client::{Session, Stop};

use crate::content::{self, Content};
use crate::ledger::{Ledger, Outcome, Tree};
use crate::partner::{Partner, TEMPORARY};

impl Partner {
    pub(crate) async fn rename(
        &mut self,
        session: &mut Session,
        from: &str,
        to: &str,
    ) -> Result<(), Stop> {
        let (old, new) = (self.key(from), self.key(to));
        let over = self.ledger.tree.contains_key(&new);
        let mut tree = self.ledger.tree.clone();
        let Some(content) = tree.remove(&old) else {
            return Ok(());
        };
        self.expected.add(&new, &content);
        tree.insert(new.clone(), content);
        let moved = Outcome {
            events: vec![("rename", new)],
            ..self.changed("the rename is done", tree)
        };
        self.ledger.unanswered = vec![self.unchanged("nothing was renamed"), moved.clone()];
        session
            .rename(&self.path(from), &self.path(to), over)
            .await?;
        self.acknowledge(if over { "rename over" } else { "rename" }, moved);
        Ok(())
    }

    pub(crate) async fn remove(&mut self, session: &mut Session, name: &str) -> Result<(), Stop> {
        let mut tree = self.ledger.tree.clone();
        tree.remove(&self.key(name));
        let removed = self.changed("the file is removed", tree);
        self.ledger.unanswered = vec![self.unchanged("nothing was removed"), removed.clone()];
        session.remove(&self.path(name)).await?;
        self.acknowledge("remove", removed);
        Ok(())
    }

    pub(crate) async fn set_time(&mut self, session: &mut Session, name: &str) -> Result<(), Stop> {
        let time = 1_000_000_000 + u32::try_from(self.dice.below(1 << 29)).unwrap_or_default();
        let times = Some(Times {
            accessed: time,
            modified: time,
        });
        let attributes = Attributes {
            times,
            ..Attributes::default()
        };
        let path = self.path(name);
        session.set(&path, attributes).await?;
        let shown = session
            .stat(&path)
            .await?
            .and_then(|attributes| attributes.times);
        if shown.map(|times| times.modified) != Some(time) {
            return Err(Stop::Wrong(format!(
                "{path}: set to {time}, shown {shown:?}"
            )));
        }
        *self.ledger.acknowledged.entry("setstat").or_default() += 1;
        Ok(())
    }

    /// Reads a file back.
    pub(crate) async fn check(&mut self, session: &mut Session, name: &str) -> Result<(), Stop> {
        match self.ledger.tree.get(&self.key(name)).copied() {
            Some(content) => self.read_back(session, name, content).await,
            None => Ok(()),
        }
    }

    async fn read_back(
        &mut self,
        session: &mut Session,
        name: &str,
        content: Content,
    ) -> Result<(), Stop> {
        let path = self.path(name);
        if content::hash(&session.get(&path).await?) != content.hash() {
            return Err(Stop::Wrong(format!("{path} reads wrong")));
        }
        *self.ledger.acknowledged.entry("read").or_default() += 1;
        Ok(())
    }

    /// Uploads under a temporary name, or reads such a file back, or gives it its own name.
    pub(crate) async fn temporary(&mut self, session: &mut Session) -> Result<(), Stop> {
        let name = self.draw_name();
        let temporary = format!("{name}{TEMPORARY}");
        let closed = self.ledger.staged.get(&self.key(&temporary)).copied();
        match closed {
            None => self.upload(session, &temporary).await,
            Some(content) if self.dice.below(3) == 0 => {
                self.read_back(session, &temporary, content).await
            }
            Some(content) if self.is_free(&name) => {
                self.publish(session, &temporary, &name, content).await
            }
            Some(_) => Ok(()),
        }
    }

    async fn publish(
        &mut self,
        session: &mut Session,
        temporary: &str,
        name: &str,
        content: Content,
    ) -> Result<(), Stop> {
        let key = self.key(name);
        let over = self.ledger.tree.contains_key(&key);
        self.expected.add(&key, &content);
        let mut tree = self.ledger.tree.clone();
        tree.insert(key.clone(), content);
        let mut published = Outcome {
            events: vec![("upload", key)],
            ..self.changed("the temporary file has its name", tree)
        };
        published.staged.remove(&self.key(temporary));
        let still = self.unchanged("the temporary file was not renamed");
        self.ledger.unanswered = vec![still, published.clone()];
        let (from, to) = (self.path(temporary), self.path(name));
        session.rename(&from, &to, over).await?;
        self.acknowledge("temporary name", published);
        Ok(())
    }

    /// Gives everything in his directory a new name; puts something there first.
    pub(crate) async fn rename_directory(&mut self, session: &mut Session) -> Result<(), Stop> {
        let number = self.ledger.directory;
        let (from, to) = (format!("d{number}/"), format!("d{}/", number + 1));
        let (old, new) = (self.key(&from), self.key(&to));
        let is_begun = |name: &String| name.starts_with(&from);
        let is_below = |key: &String| key.starts_with(&old);
        let Ledger {
            tree,
            staged,
            begun,
            ..
        } = &self.ledger;
        if begun.keys().any(is_begun) || staged.keys().any(is_below) {
            // What he alone sees there keeps it where it is.
            return Ok(());
        }
        if !tree.keys().any(is_below) {
            return self.upload(session, &format!("{from}x")).await;
        }
        let moved = |(key, content): (&String, &Content)| match key.strip_prefix(&old) {
            Some(rest) => (format!("{new}{rest}"), *content),
            None => (key.clone(), *content),
        };
        let tree: Tree = tree.iter().map(moved).collect();
        for (key, content) in tree.iter().filter(|(key, _)| key.starts_with(&new)) {
            self.expected.add(key, content);
        }
        let renamed = Outcome {
            events: vec![("rename", new)],
            directory: number + 1,
            ..self.changed("the directory is renamed", tree)
        };
        let still = self.unchanged("the directory was not renamed");
        self.ledger.unanswered = vec![still, renamed.clone()];
        let (from, to) = (self.path(&from), self.path(&to));
        let (from, to) = (from.trim_end_matches('/'), to.trim_end_matches('/'));
        session.rename(from, to, false).await?;
        self.acknowledge("rename directory", renamed);
        Ok(())
    }
}
