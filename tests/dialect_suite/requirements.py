"""What SQLAlchemy's suite may ask of the three origins, beyond what it asks of every dialect."""

from sqlalchemy.testing import exclusions
from sqlalchemy.testing.requirements import SuiteRequirements


class Requirements(SuiteRequirements):
    @property
    def schemas(self):
        """SQLite's second schema is an attached file, which the suite attaches to one engine only."""
        return exclusions.skip_if("sqlite")

    @property
    def savepoints(self):
        return exclusions.open()

    @property
    def two_phase_transactions(self):
        return exclusions.only_on(["postgresql", "mysql", "mariadb"])

    @property
    def two_phase_recovery(self):
        return self.two_phase_transactions

    @property
    def isolation_level(self):
        return exclusions.open()

    @property
    def autocommit(self):
        return exclusions.open()

    @property
    def get_isolation_level_values(self):
        return exclusions.open()

    @property
    def ctes(self):
        return exclusions.open()

    @property
    def ctes_with_update_delete(self):
        return exclusions.only_on("postgresql")

    @property
    def ctes_on_dml(self):
        return exclusions.only_on(["postgresql", "sqlite"])

    @property
    def window_functions(self):
        return exclusions.open()

    @property
    def json_type(self):
        return exclusions.open()

    @property
    def views(self):
        return exclusions.open()

    @property
    def temp_table_names(self):
        return exclusions.only_on("postgresql")

    @property
    def server_side_cursors(self):
        return exclusions.only_if(lambda config: config.db.dialect.supports_server_side_cursors)

    @property
    def independent_connections(self):
        return exclusions.open()

    @property
    def lastrowid(self):
        return exclusions.only_on(["sqlite", "mysql", "mariadb"])

    @property
    def delete_from(self):
        return exclusions.only_on("postgresql")

    @property
    def update_from(self):
        return exclusions.only_on(["postgresql", "mysql", "mariadb"])

    @property
    def tuple_in(self):
        return exclusions.open()

    @property
    def fetch_first(self):
        return exclusions.only_on("postgresql")

    @property
    def precision_numerics_many_significant_digits(self):
        return exclusions.only_on("postgresql")

    @property
    def reflect_table_options(self):
        return exclusions.only_on(["mysql", "mariadb"])

    @property
    def parens_in_union_supported_select_w_limit_offset(self):
        return exclusions.skip_if("sqlite")

    @property
    def uuid_data_type(self):
        return exclusions.only_on("postgresql")
