//! Lists within a report, each with pages of its own.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{ProjectionError, Result};

/// The place of an item in its list.
pub(crate) type Place = (i64, Uuid, i64);

/// A list within a report: one page of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Page<T> {
    /// How many there are, shown or not.
    pub total: usize,
    /// The items of this page.
    pub items: Vec<T>,
    /// The cursor of the next page; null on the last page.
    pub next_cursor: Option<String>,
}

/// Which page of which list is wanted.
#[derive(Debug, Clone, Default)]
pub struct Pages {
    /// The list that the cursor is of. The others come without items when it is given.
    pub list: Option<String>,
    /// A `next_cursor` of an earlier answer.
    pub cursor: Option<String>,
    /// How many items at most.
    pub limit: usize,
}

impl Pages {
    /// The page of a list, which is put into the order of its places.
    pub(crate) fn of<T: Clone>(
        &self,
        name: &str,
        mut items: Vec<T>,
        place: impl Fn(&T) -> Place,
    ) -> Result<Page<T>> {
        items.sort_by_key(|item| place(item));
        let total = items.len();
        if self.list.as_deref().is_some_and(|wanted| wanted != name) {
            return Ok(Page { total, items: Vec::new(), next_cursor: None });
        }
        let begin = match self.cursor.as_deref().filter(|_| self.list.is_some()) {
            Some(cursor) => {
                let after = read(cursor)?;
                items.partition_point(|item| place(item) <= after)
            }
            None => 0,
        };
        let end = total.min(begin.saturating_add(self.limit));
        let shown = items[begin..end].to_vec();
        let next_cursor = shown.last().filter(|_| end < total).map(|last| written(place(last)));
        Ok(Page { total, items: shown, next_cursor })
    }
}

fn written((first, id, last): Place) -> String {
    format!("{first}.{}.{last}", id.simple())
}

fn read(cursor: &str) -> Result<Place> {
    let parts: Vec<&str> = cursor.split('.').collect();
    let [first, id, last] = parts[..] else { return Err(ProjectionError::BadCursor) };
    let number = |text: &str| text.parse::<i64>().map_err(|_| ProjectionError::BadCursor);
    let id = Uuid::parse_str(id).map_err(|_| ProjectionError::BadCursor)?;
    Ok((number(first)?, id, number(last)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(cursor: Option<String>, limit: usize) -> Pages {
        Pages { list: Some("l".to_owned()), cursor, limit }
    }

    #[test]
    fn page_after_page_gives_every_item_once_and_in_order() {
        let place = |item: &i64| (*item / 2, Uuid::from_u128(1), *item);
        let (mut cursor, mut seen) = (None, Vec::new());
        loop {
            let page = pages(cursor, 2).of("l", vec![4, 1, 3, 2, 0], place).unwrap();
            assert_eq!(page.total, 5);
            seen.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn another_list_is_only_counted_and_a_foreign_cursor_is_refused() {
        let place = |item: &i64| (*item, Uuid::nil(), 0);
        let other = Pages { list: Some("m".to_owned()), cursor: Some("x".to_owned()), limit: 5 };
        assert_eq!(
            other.of("l", vec![1, 2], place).unwrap(),
            Page { total: 2, items: vec![], next_cursor: None }
        );
        assert!(pages(Some("x".to_owned()), 5).of("l", vec![1], place).is_err());
    }
}
