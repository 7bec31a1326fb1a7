//! What is wrong with a statement, or with a file that makes tables.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, ColumnDef, ColumnOption, CreateIndex, CreateTable, Expr, FromTable, IndexColumn, Insert,
    JoinConstraint, JoinOperator, Query, Select, SelectItem, SetExpr, Statement, TableConstraint,
    TableFactor, TableWithJoins, UpdateTableFromKind, Visit, Visitor,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

/// A statement about all tenants says so in its first words; it promises nothing of one moment.
const ADMINISTRATION: &str = "-- Administration:";
const TENANT: &str = "tenant_id";
const BIND: &str = "$1";

/// What gives another answer each time, or works on one server only.
const BANNED: [&str; 17] = [
    "clock_timestamp",
    "currval",
    "current_date",
    "current_time",
    "current_timestamp",
    "gen_random_uuid",
    "lastval",
    "localtimestamp",
    "nextval",
    "now",
    "pg_notify",
    "random",
    "set_config",
    "setval",
    "statement_timestamp",
    "transaction_timestamp",
    "txid_current",
];
/// Known by how they begin.
const BANNED_KIN: [&str; 3] = ["pg_advisory", "pg_try_advisory", "uuid_generate"];

/// The faults of one statement of the service.
pub(crate) fn statement(sql: &str) -> Vec<String> {
    let parsed = match parse(sql) {
        Ok(parsed) => parsed,
        Err(fault) => return vec![fault],
    };
    let mut lint = Lint { administration: sql.starts_with(ADMINISTRATION), ..Lint::default() };
    if parsed.len() != 1 {
        lint.fault(format!("{} statements in a file", parsed.len()));
    }
    for statement in &parsed {
        lint.judge(statement);
    }
    lint.faults
}

/// The faults of one file of a migration.
pub(crate) fn migration(sql: &str) -> Vec<String> {
    let parsed = match parse(sql) {
        Ok(parsed) => parsed,
        Err(fault) => return vec![fault],
    };
    let mut lint = Lint::default();
    let data = |statement: &&Statement| matches!(statement, Statement::Insert(_));
    let indexes = parsed.iter().filter(|statement| matches!(statement, Statement::CreateIndex(_))).count();
    if indexes > 0 && parsed.len() > 1 {
        lint.fault("an index is not alone in its file".to_owned());
    }
    if parsed.iter().any(|statement| data(&statement)) && !parsed.iter().all(|statement| data(&statement)) {
        lint.fault("data together with tables".to_owned());
    }
    for statement in &parsed {
        match statement {
            Statement::CreateTable(table) => lint.table(table),
            Statement::CreateIndex(index) => lint.index(index),
            Statement::CreateView(_) => {}
            Statement::Insert(insert) => lint.columns(insert),
            _ => lint.fault("makes neither a table, an index nor a view".to_owned()),
        }
    }
    lint.faults
}

fn parse(sql: &str) -> Result<Vec<Statement>, String> {
    Parser::parse_sql(&PostgreSqlDialect {}, sql).map_err(|error| error.to_string())
}

#[derive(Default)]
struct Lint {
    administration: bool,
    /// What `WITH` names are no tables.
    named: BTreeSet<String>,
    faults: Vec<String>,
}

impl Lint {
    fn fault(&mut self, fault: String) {
        self.faults.push(fault);
    }

    fn judge(&mut self, statement: &Statement) {
        match statement {
            Statement::Query(_) => {}
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => {
                let mut tables = vec![&update.table];
                if let Some(UpdateTableFromKind::BeforeSet(from) | UpdateTableFromKind::AfterSet(from)) =
                    &update.from
                {
                    tables.extend(from);
                }
                self.scope(&tables, update.selection.as_ref());
            }
            Statement::Delete(delete) => {
                let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
                let tables: Vec<_> = from.iter().chain(delete.using.iter().flatten()).collect();
                self.scope(&tables, delete.selection.as_ref());
            }
            _ => self.fault("not a statement of the service".to_owned()),
        }
        // The visitor never breaks off.
        let _ = statement.visit(self);
    }

    /// Every table in a scope is narrowed to the tenant by a condition of that scope.
    fn scope(&mut self, from: &[&TableWithJoins], selection: Option<&Expr>) {
        if self.administration {
            return;
        }
        let mut conditions = Vec::new();
        selection.into_iter().for_each(|selection| conjuncts(selection, &mut conditions));
        let mut tables = Vec::new();
        for table in from {
            tables.extend(self.known_as(&table.relation));
            for join in &table.joins {
                tables.extend(self.known_as(&join.relation));
                on(&join.join_operator).into_iter().for_each(|on| conjuncts(on, &mut conditions));
            }
        }
        let narrowed: BTreeSet<String> = conditions.into_iter().filter_map(narrows).collect();
        for table in &tables {
            let alone = tables.len() == 1 && narrowed.contains(TENANT);
            if !alone && !narrowed.contains(&format!("{table}.{TENANT}")) {
                self.fault(format!("{table} without {TENANT} = {BIND}"));
            }
        }
    }

    /// What a table is called in its scope; nothing for a function, a query or a name of `WITH`.
    fn known_as(&self, factor: &TableFactor) -> Option<String> {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } if !self.named.contains(&name.to_string()) => {
                Some(alias.as_ref().map_or_else(|| name.to_string(), |alias| alias.name.to_string()))
            }
            _ => None,
        }
    }

    fn columns(&mut self, insert: &Insert) {
        if insert.columns.first().is_none_or(|column| column.to_string() != TENANT) {
            self.fault(format!("{TENANT} is not the first column"));
        }
    }

    fn insert(&mut self, insert: &Insert) {
        self.columns(insert);
        match insert.source.as_ref().map(|source| &*source.body) {
            Some(SetExpr::Values(values)) => {
                for row in &values.rows {
                    if row.first().is_none_or(|value| value.to_string() != BIND) {
                        self.fault(format!("the first value is not {BIND}"));
                    }
                    if row.iter().any(holds_query) {
                        self.fault("a query among the values".to_owned());
                    }
                }
            }
            Some(SetExpr::Select(select)) => self.anchored(select),
            _ => self.fault("inserts neither values nor a selection".to_owned()),
        }
    }

    /// A selection that is inserted reads a table of the tenant's and takes the tenant from there, or a distributed
    /// database would gather it in one place first.
    fn anchored(&mut self, select: &Select) {
        let joined = |table: &TableWithJoins| {
            let joins = table.joins.iter().filter_map(|join| self.known_as(&join.relation));
            self.known_as(&table.relation).into_iter().chain(joins).collect::<Vec<_>>()
        };
        let tables: Vec<String> = select.from.iter().flat_map(joined).collect();
        if tables.is_empty() {
            self.fault("no table of the tenant to hold on to".to_owned());
        }
        let first = select.projection.first().map(ToString::to_string).unwrap_or_default();
        if first != BIND && !tables.iter().any(|table| first == format!("{table}.{TENANT}")) {
            self.fault("the tenant comes from elsewhere".to_owned());
        }
    }

    fn table(&mut self, table: &CreateTable) {
        let begins = |column: &ColumnDef| {
            column.name.to_string() == TENANT && column.data_type.to_string().eq_ignore_ascii_case("uuid")
        };
        if !table.columns.first().is_some_and(begins) {
            self.fault(format!("{} does not begin with {TENANT} uuid", table.name));
        }
        if table.inherits.is_some() {
            self.fault(format!("{} inherits", table.name));
        }
        let primary = |constraint: &TableConstraint| matches!(constraint, TableConstraint::PrimaryKey(_));
        if !table.constraints.iter().any(primary) {
            self.fault(format!("{} has no primary key", table.name));
        }
        table.columns.iter().for_each(|column| self.column(column));
        table.constraints.iter().for_each(|constraint| self.constraint(constraint));
    }

    fn column(&mut self, column: &ColumnDef) {
        let data_type = column.data_type.to_string().to_lowercase();
        if data_type.contains("serial") {
            self.fault(format!("{} is a {data_type}", column.name));
        }
        for option in &column.options {
            match option.option {
                ColumnOption::Unique(_) | ColumnOption::PrimaryKey(_) => {
                    self.fault("a key without the tenant first".to_owned());
                }
                ColumnOption::ForeignKey(_) => self.fault("a foreign key".to_owned()),
                ColumnOption::Generated { .. } | ColumnOption::Identity(_) => {
                    self.fault("a generated column".to_owned());
                }
                _ => {}
            }
        }
    }

    fn constraint(&mut self, constraint: &TableConstraint) {
        match constraint {
            TableConstraint::PrimaryKey(key) => self.key(&key.columns),
            TableConstraint::Unique(key) => self.key(&key.columns),
            TableConstraint::ForeignKey(_) => self.fault("a foreign key".to_owned()),
            TableConstraint::Check(_) => {}
            _ => self.fault("a constraint that is not known to work everywhere".to_owned()),
        }
    }

    fn key(&mut self, columns: &[IndexColumn]) {
        if !begins_with_tenant(columns) {
            self.fault("a key without the tenant first".to_owned());
        }
    }

    fn index(&mut self, index: &CreateIndex) {
        if !begins_with_tenant(&index.columns) {
            self.fault("an index without the tenant first".to_owned());
        }
    }
}

impl Visitor for Lint {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for named in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.named.insert(named.alias.name.to_string());
        }
        if matches!(
            *query.body,
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_)
        ) {
            self.fault("writes inside a WITH".to_owned());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let from: Vec<_> = select.from.iter().collect();
        self.scope(&from, select.selection.as_ref());
        let star =
            |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
        if select.projection.iter().any(star) {
            self.fault("SELECT *: columns are listed".to_owned());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            let name = function.name.to_string().to_lowercase();
            if BANNED.contains(&name.as_str()) || BANNED_KIN.iter().any(|kin| name.starts_with(kin)) {
                self.fault(format!("{name} is banned"));
            }
        }
        ControlFlow::Continue(())
    }
}

/// What is joined by `AND` at the top.
fn conjuncts<'e>(expr: &'e Expr, into: &mut Vec<&'e Expr>) {
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            conjuncts(left, into);
            conjuncts(right, into);
        }
        Expr::Nested(inner) => conjuncts(inner, into),
        other => into.push(other),
    }
}

/// The column that a condition `… tenant_id = $1` narrows.
fn narrows(condition: &Expr) -> Option<String> {
    match condition {
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } if right.to_string() == BIND => {
            Some(left.to_string())
        }
        _ => None,
    }
}

fn on(operator: &JoinOperator) -> Option<&Expr> {
    match operator {
        JoinOperator::Join(JoinConstraint::On(on))
        | JoinOperator::Inner(JoinConstraint::On(on))
        | JoinOperator::Left(JoinConstraint::On(on))
        | JoinOperator::LeftOuter(JoinConstraint::On(on)) => Some(on),
        _ => None,
    }
}

fn holds_query(value: &Expr) -> bool {
    struct Finder;
    impl Visitor for Finder {
        type Break = ();
        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }
    value.visit(&mut Finder).is_break()
}

fn begins_with_tenant(columns: &[IndexColumn]) -> bool {
    columns.first().is_some_and(|column| column.column.expr.to_string() == TENANT)
}
