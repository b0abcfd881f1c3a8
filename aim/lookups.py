"""Lookups that Django does not have. Whoever uses one imports this module, which registers it."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Lookup, UUIDField
from django.db.models.sql.compiler import SQLCompiler

from aim.arrays import uuid_array


@UUIDField.register_lookup
class AnyOf(Lookup):
    """`id__any_of=[…]` is `id__in` with one array: a thousand parameters take longer to write than rows to read."""

    lookup_name = "any_of"
    prepare_rhs = False

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s::uuid[])", (*parameters, uuid_array(self.rhs))
