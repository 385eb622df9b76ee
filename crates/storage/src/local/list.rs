//! Listings, a page at a time.

use std::io;

use model::ErrorKind;

use super::disk::Disk;
use super::failure::{On, is_absence};
use super::key_path::split;
use super::state;
use super::walk::Walk;
use crate::paging::PageBuilder;
use crate::{Entry, ListPage, ListRequest, Result};

impl Disk {
    pub(super) fn list(&self, request: &ListRequest) -> Result<ListPage> {
        let on = On {
            operation: "list",
            key: &request.prefix,
        };
        if request.delimiter.is_some_and(|delimiter| delimiter != '/') {
            return Err(on.fail(ErrorKind::Unsupported, "folders are delimited by '/' alone"));
        }
        self.page(request).map_err(|error| on.io(error))
    }

    fn page(&self, request: &ListRequest) -> io::Result<ListPage> {
        let mut walk = match self.walks.take(request) {
            Some(walk) => self.resumed(walk)?,
            None => Walk::begin(&self.bucket, request)?,
        };
        let mut page = PageBuilder::new(request);
        while let Some(entry) = walk.next(&self.bucket)? {
            if page.is_full() {
                walk.put_back(entry);
                let page = page.continued();
                if let Some(continuation) = &page.continuation {
                    self.walks.keep(request, continuation, walk);
                }
                return Ok(page);
            }
            page.push(entry);
        }
        Ok(page.last())
    }

    /// The walk with the entry that waited looked at anew: it may be gone or changed.
    fn resumed(&self, mut walk: Walk) -> io::Result<Walk> {
        match walk.take_waiting() {
            Some(Entry::Object { key, .. }) => {
                if let Some(entry) = self.entry(key)? {
                    walk.put_back(entry);
                }
            }
            Some(prefix) => walk.put_back(prefix),
            None => {}
        }
        Ok(walk)
    }

    fn entry(&self, key: String) -> io::Result<Option<Entry>> {
        let (parent, name) = split(key.strip_suffix('/').unwrap_or(&key));
        let stat = self
            .bucket
            .folder(parent)
            .and_then(|parent| parent.stat(name));
        match stat {
            Ok(stat) => Ok(Some(Entry::Object {
                size: state::size(&stat),
                etag: state::etag(&stat),
                last_modified: state::last_modified(&stat),
                key,
            })),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
