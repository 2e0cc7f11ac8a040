//! A vector by dense id in pages of 64 that a checkpoint can hold on to: after `snapshot` only touched pages are copied.

use prefetch_index::prefetch_index;
use std::sync::Arc;

/// Elements per page.
const PAGE: usize = 64;

#[derive(Clone)]
enum Page<T> {
    /// Never written.
    Empty,
    /// Written here alone: no reference count on the way to an element.
    Own(Box<[T]>),
    /// Perhaps also held by a snapshot.
    Shared(Arc<Box<[T]>>),
}

/// Copy-on-write vector, indexed by dense id, growing on demand. Elements never written read as absent.
#[derive(Clone)]
pub struct Paged<T> {
    pages: Vec<Page<T>>,
    copied: u64,
}

/// A frozen copy of a `Paged`: shares pages with it, `Send` if its elements allow.
#[derive(Clone)]
pub struct Pages<T> {
    pages: Vec<Option<Arc<Box<[T]>>>>,
}

impl<T> Default for Paged<T> {
    fn default() -> Paged<T> {
        Paged { pages: Vec::new(), copied: 0 }
    }
}

impl<T: Default + Clone> Paged<T> {
    /// Elements per page: the unit of copying after a snapshot.
    pub const PAGE: usize = PAGE;

    /// An empty vector.
    pub fn new() -> Paged<T> {
        Paged::default()
    }

    /// One more than the highest id that may have been written.
    pub fn len(&self) -> u32 {
        (self.pages.len() * PAGE) as u32
    }

    /// Whether nothing was ever written.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// The element of an id; `None` if its page was never written.
    pub fn get(&self, id: u32) -> Option<&T> {
        match self.pages.get(id as usize / PAGE)? {
            Page::Empty => None,
            Page::Own(rows) => rows.get(id as usize % PAGE),
            Page::Shared(rows) => rows.get(id as usize % PAGE),
        }
    }

    /// Asks for the memory of an element.
    pub fn touch(&self, id: u32) {
        prefetch_index(self.page(id), id as usize % PAGE);
    }

    /// The element of an id for writing; grows, and copies the page if a snapshot still holds it.
    pub fn get_mut(&mut self, id: u32) -> &mut T {
        let index = id as usize / PAGE;
        if !matches!(self.pages.get(index), Some(Page::Own(_))) {
            self.own(index);
        }
        match &mut self.pages[index] {
            Page::Own(rows) => &mut rows[id as usize % PAGE],
            Page::Empty | Page::Shared(_) => unreachable!("`own` has just made the page our own"),
        }
    }

    /// Makes the element of an id the same as in another vector.
    pub fn take_over(&mut self, from: &Paged<T>, id: u32) {
        if let Some(element) = from.get(id) {
            self.get_mut(id).clone_from(element);
        }
    }

    /// All elements of the page that holds `id`.
    pub fn page(&self, id: u32) -> &[T] {
        match self.pages.get(id as usize / PAGE) {
            None | Some(Page::Empty) => &[],
            Some(Page::Own(rows)) => rows,
            Some(Page::Shared(rows)) => rows,
        }
    }

    /// How many pages were copied because a snapshot still held them.
    pub fn copied_pages(&self) -> u64 {
        self.copied
    }

    /// Freezes the present content. Costs a few words per page; later writes copy only the pages they touch.
    pub fn snapshot(&mut self) -> Pages<T> {
        let pages = self.pages.iter_mut().map(|page| match std::mem::replace(page, Page::Empty) {
            Page::Empty => None,
            Page::Own(rows) => Some(Self::share(page, Arc::new(rows))),
            Page::Shared(rows) => Some(Self::share(page, rows)),
        });
        Pages { pages: pages.collect() }
    }

    /// Elements in id order with their ids, pages never written left out.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..self.pages.len()).flat_map(move |index| {
            let first = (index * PAGE) as u32;
            self.page(first).iter().enumerate().map(move |(offset, element)| (first + offset as u32, element))
        })
    }

    fn share(page: &mut Page<T>, rows: Arc<Box<[T]>>) -> Arc<Box<[T]>> {
        *page = Page::Shared(Arc::clone(&rows));
        rows
    }

    #[cold]
    fn own(&mut self, index: usize) {
        if index >= self.pages.len() {
            self.pages.resize_with(index + 1, || Page::Empty);
        }
        let rows = match std::mem::replace(&mut self.pages[index], Page::Empty) {
            Page::Empty => (0..PAGE).map(|_| T::default()).collect(),
            Page::Own(rows) => rows,
            Page::Shared(rows) => Arc::try_unwrap(rows).unwrap_or_else(|held| {
                self.copied += 1;
                (*held).clone()
            }),
        };
        self.pages[index] = Page::Own(rows);
    }
}

impl<T> Pages<T> {
    /// How many pages, never written ones included.
    pub fn len(&self) -> u32 {
        self.pages.len() as u32
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// Elements of one page with their ids; nothing for a page never written.
    pub fn page(&self, index: u32) -> impl Iterator<Item = (u32, &T)> {
        let rows = self.pages.get(index as usize).and_then(Option::as_ref);
        let first = index * PAGE as u32;
        rows.into_iter().flat_map(move |rows| rows.iter().enumerate().map(move |(at, row)| (first + at as u32, row)))
    }

    /// The element of an id; `None` if its page was never written.
    pub fn get(&self, id: u32) -> Option<&T> {
        self.pages.get(id as usize / PAGE)?.as_ref()?.get(id as usize % PAGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_keeps_its_content_and_only_touched_pages_are_copied() {
        let mut paged = Paged::<u64>::new();
        (0..1_000).for_each(|id| *paged.get_mut(id) = u64::from(id));
        let before = paged.snapshot();
        *paged.get_mut(3) = 77;
        *paged.get_mut(4) = 78;
        *paged.get_mut(900) = 79;
        *paged.get_mut(5_000) = 80;
        assert_eq!(paged.copied_pages(), 2);
        assert!((0..1_000).all(|id| before.get(id) == Some(&u64::from(id))));
        assert_eq!((before.get(5_000), paged.get(3), paged.get(5_000)), (None, Some(&77), Some(&80)));
        drop(before);
        *paged.get_mut(100) = 5;
        assert_eq!(paged.copied_pages(), 2, "a page that no snapshot holds any more is not copied");
        assert_eq!(paged.get(2_000), None);
    }
}
