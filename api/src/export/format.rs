//! The formats of exports. All that is said of one stands in `Format::description`, and what writes it is an `Exporter`; the suite
//! in `contract.rs` says what each must keep.

use super::Export;
use super::csv::{Csv, Ndjson};
use super::exporter::Exporter;
use super::parquet::Parquet;
use super::process::{OcelExporter, XesExporter};
use super::rows::TableExporter;
use super::xlsx::Xlsx;

/// In which format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180.
    Csv,
    /// A JSON document a line.
    Ndjson,
    /// Apache Parquet.
    Parquet,
    /// An Excel workbook.
    Xlsx,
    /// IEEE 1849: a trace a journey.
    Xes,
    /// OCEL 2.0 in JSON.
    OcelJson,
}

/// All that is said of a format.
struct Description {
    word: &'static str,
    media_type: &'static str,
    extension: &'static str,
    exporter: fn(&Export) -> Box<dyn Exporter>,
}

impl Format {
    /// The formats there are.
    pub const ALL: [Self; 6] =
        [Self::Csv, Self::Ndjson, Self::Parquet, Self::Xlsx, Self::Xes, Self::OcelJson];

    fn description(self) -> Description {
        match self {
            Self::Csv => Description {
                word: "csv",
                media_type: "text/csv; charset=utf-8",
                extension: "csv",
                exporter: |export| Box::new(TableExporter(Csv::new(export.bom, export.escape_formulas))),
            },
            Self::Ndjson => Description {
                word: "ndjson",
                media_type: "application/x-ndjson",
                extension: "ndjson",
                exporter: |_| Box::new(TableExporter(Ndjson::default())),
            },
            Self::Parquet => Description {
                word: "parquet",
                media_type: "application/vnd.apache.parquet",
                extension: "parquet",
                exporter: |_| Box::new(TableExporter(Parquet::default())),
            },
            Self::Xlsx => Description {
                word: "xlsx",
                media_type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                extension: "xlsx",
                exporter: |export| Box::new(TableExporter(Xlsx::new(export.kind.as_str()))),
            },
            Self::Xes => Description {
                word: "xes",
                media_type: "application/xml",
                extension: "xes",
                exporter: |_| Box::new(XesExporter),
            },
            Self::OcelJson => Description {
                word: "ocel-json",
                media_type: "application/vnd.ocel+json",
                extension: "json",
                exporter: |_| Box::new(OcelExporter),
            },
        }
    }

    /// The format of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == word)
    }

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.description().word
    }

    /// The media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        self.description().media_type
    }

    /// What a file's name ends with.
    #[must_use]
    pub fn extension(self) -> &'static str {
        self.description().extension
    }

    /// What writes an export in it.
    pub(super) fn exporter(self, export: &Export) -> Box<dyn Exporter> {
        (self.description().exporter)(export)
    }
}
