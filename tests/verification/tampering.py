"""A superuser of the database who changes what was recorded, in every way there is, at random.

Each tampering is done inside a transaction with all triggers off; the caller audits there and rolls back.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction

from accounts.contracts import Actor, ActorKind
from accounts.permissions import AGENT_PERMISSIONS
from aim.ids import IdKind, parse_id
from aim.ledger.audit.seals import read_note
from aim.ledger.audit.walk import Audit, Summary
from aim.ledger.keys import verifier_keys
from aim.ledger.notes import Checkpoint as Statement
from tests.factories.seals import seal_now
from tests.verification.world import TestAgent, make_agent, make_organization
from verification.services.completions import Report, complete_verification

TABLES = {
    "ledger_entry": "id",
    "ledger_leaf": "seq",
    "ledger_checkpoint": "number",
    "ledger_tile": "(level, number)",
    "verification_verification": "id",
}
Ways = dict[str, Callable[["Tamperer"], str]]


def make_ledger() -> tuple[int, Statement]:
    """Some hundred entries with every kind of row; their number as of a backup, and a checkpoint from the end."""
    _, admin = make_organization()
    agent = make_agent(admin, calls_per_hour=100_000, require_approval=["file_list"])

    def decide(count: int) -> None:
        for number in range(count):
            asked = agent.body(resource=f"/app/{number}.json", parameters={"n": number})
            report = Report(status="success", duration_ms=number, error=f"none, {number}")
            approved = agent.ask_natively(asked).json()["verification_id"]
            complete_verification(_actor(agent), parse_id(IdKind.VERIFICATION, approved), report=report)
            agent.ask_natively(agent.body(resource=f"/etc/{number}"))
            agent.ask_natively(agent.body(action_type="file_list", resource=f"/app/{number}"))

    decide(80)
    backup = seal_now()
    decide(30)
    seal_now()
    decide(3)
    return backup.size, read_note(seal_now().note, verifier_keys())


def _actor(agent: TestAgent) -> Actor:
    known = agent.agent
    return Actor(ActorKind.AGENT, known.id, known.name, known.organization_id, AGENT_PERMISSIONS, "127.0.0.1", "test")


def audit(kept: Statement | None = None) -> Summary:
    return Audit(kept=kept, grace=timedelta(0)).run()


@contextmanager
def rolled_back() -> Iterator[None]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        transaction.set_rollback(True)


class Tamperer:
    def __init__(self, seed: int, *, backup_size: int) -> None:
        self.random = random.Random(seed)
        self.backup_size = backup_size

    def run(self) -> str:
        """Do something; answers what it was."""
        way = self.random.choices(list(WAYS), weights=[10, 3, 2, 2, 2, 1, 1])[0]
        return f"{way}: {WAYS[way](self)}"

    def sql(self, statement: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement, values or [])
            return cursor.fetchall() if cursor.description else []

    def table(self) -> str:
        return self.random.choice(list(TABLES))

    def keys(self, table: str, count: int = 1) -> list[Any]:
        """The places of random rows."""
        rows = self.sql(f"SELECT ctid::text, tableoid::regclass::text FROM {table} ORDER BY {TABLES[table]}")
        return self.random.sample(rows, count)

    def columns(self, table: str) -> list[str]:
        named = "SELECT column_name FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position"
        return [row[0] for row in self.sql(named, [table])]

    def other(self, value: Any) -> Any:
        """Something of the same type that is not the same."""
        match value:
            case None:
                return None
            case bool():
                return not value
            case int():
                return value + self.random.choice([-1, 1, 1000])
            case str():
                place = self.random.randrange(len(value) + 1)
                return value[:place] + "x" + value[place + self.random.randrange(2) :] + ("" if value else "y")
            case UUID():
                return uuid4()
            case datetime():
                return value + timedelta(seconds=self.random.choice([-3600, -0.001, 0.001, 1, 86_400]))
            case bytes() | memoryview():
                raw = bytearray(bytes(value))
                if not raw:
                    return b"x"
                raw[self.random.randrange(len(raw))] ^= 1 << self.random.randrange(8)
                return bytes(raw)
        raise TypeError(type(value))

    def change_column(self) -> str:
        while True:
            table = self.table()
            column = self.random.choice(self.columns(table))
            ((place, part),) = self.keys(table)
            ((value,),) = self.sql(f"SELECT {column} FROM {part} WHERE ctid = %s::tid", [place])
            other = self.other(value)
            if other is None:
                other = {"organization_id": uuid4(), "subject_id": uuid4(), "code": "x"}.get(column)
                if column == "expires_at":
                    other = datetime.fromisoformat("2030-01-01T00:00:00Z")
            elif column in {"organization_id", "subject_id"} and table == "ledger_entry" and self.random.random() < 0.2:
                other = None
            elif column == "disclosures" and self.random.random() < 0.3:
                other = self.random.choice([None, b"{}"])
            if other is None and value is None:
                continue
            try:
                with transaction.atomic():
                    self.sql(f"UPDATE {part} SET {column} = %s WHERE ctid = %s::tid", [other, place])
            except Exception:  # noqa: BLE001 - a constraint of the table stood in the way: try another
                continue
            return f"{table}.{column} from {str(value)[:60]!r} to {str(other)[:60]!r}"

    def delete_rows(self) -> str:
        table = self.table()
        count = self.random.choice([1, 1, 3])
        rows = self.keys(table, min(count, len(self.sql(f"SELECT 1 FROM {table}"))))
        for place, part in rows:
            self.sql(f"DELETE FROM {part} WHERE ctid = %s::tid", [place])
        return f"{len(rows)} of {table}"

    def swap_rows(self) -> str:
        """Two rows exchange what they hold, and keep their names."""
        table, column = self.random.choice(
            [
                ("ledger_entry", "body"),
                ("ledger_entry", "disclosures"),
                ("ledger_leaf", "leaf"),
                ("ledger_leaf", "entry_id"),
                ("ledger_checkpoint", "note"),
                ("verification_verification", "resource"),
                ("verification_verification", "request_digest"),
            ]
        )
        while True:
            first, second = self.keys(table, 2)
            one, two = (
                self.sql(f"SELECT {column} FROM {part} WHERE ctid = %s::tid", [place])[0][0]
                for place, part in (first, second)
            )
            if one != two and None not in (one, two):
                break
        if (table, column) == ("ledger_leaf", "entry_id"):
            self.sql("ALTER TABLE ledger_leaf DROP CONSTRAINT ledger_leaf_entry_id_key")
        for (place, part), value in ((first, two), (second, one)):
            self.sql(f"UPDATE {part} SET {column} = %s WHERE ctid = %s::tid", [value, place])
        return f"{table}.{column}"

    def insert_row(self) -> str:
        """An entry from the past, a place, a checkpoint, a tile or a decision that never was."""
        table = self.table()
        names = self.columns(table)
        ((place, part),) = self.keys(table)
        (row,) = self.sql(f"SELECT {', '.join(names)} FROM {part} WHERE ctid = %s::tid", [place])
        new = dict(zip(names, row, strict=True))
        match table:
            case "ledger_entry" | "verification_verification":
                new["id"] = UUID(int=new["id"].int ^ self.random.getrandbits(60) | 1)
            case "ledger_leaf":
                ((size,),) = self.sql("SELECT max(seq) + 1 FROM ledger_leaf")
                new |= {"seq": self.random.choice([size, size + 5]), "entry_id": uuid4()}
            case "ledger_checkpoint":
                ((number,),) = self.sql("SELECT max(number) + 1 FROM ledger_checkpoint")
                new["number"] = self.random.choice([number, number + 3])
            case _:
                new["number"] += self.random.choice([100, 1000])
        self.sql(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))})", list(new.values())
        )
        return table

    def renumber(self) -> str:
        table, column = self.random.choice([("ledger_leaf", "seq"), ("ledger_checkpoint", "number")])
        ((size,),) = self.sql(f"SELECT count(*) FROM {table}")
        start = self.random.randrange(size)
        ((first,),) = self.sql(f"SELECT {column} FROM {table} ORDER BY {column} OFFSET %s LIMIT 1", [start])
        for sign in (-1, 1):
            # By way of negative numbers, lest the primary key stand in the way.
            self.sql(
                f"UPDATE {table} SET {column} = -{column} - 2 WHERE {column} {'>=' if sign < 0 else '<'} %s",
                [first if sign < 0 else -1],
            )
            if sign < 0:
                self.sql(f"UPDATE {table} SET {column} = {column} - 1 WHERE {column} < -1")
        return f"{table} from {first}"

    def cut_tail(self) -> str:
        """Entries, places, seals and rows after some moment vanish together, as if they had never been."""
        ((size,),) = self.sql("SELECT count(*) FROM ledger_leaf")
        return self._back_to(size - self.random.choice([1, 1, 2, 10, size // 2]))

    def restore_backup(self) -> str:
        return self._back_to(self.backup_size)

    def _back_to(self, size: int) -> str:
        self.sql("DELETE FROM ledger_checkpoint WHERE size > %s", [size])
        ids = "SELECT entry_id FROM ledger_leaf WHERE seq >= %s"
        self.sql(f"DELETE FROM verification_verification WHERE id IN ({ids})", [size])
        self.sql(f"DELETE FROM ledger_entry WHERE id IN ({ids})", [size])
        self.sql("DELETE FROM ledger_leaf WHERE seq >= %s", [size])
        self.sql("DELETE FROM ledger_tile WHERE number >= %s >> (8 * (level + 1))", [size])
        return f"back to {size}"


WAYS: Ways = {
    "change a column": Tamperer.change_column,
    "delete": Tamperer.delete_rows,
    "swap": Tamperer.swap_rows,
    "insert": Tamperer.insert_row,
    "renumber": Tamperer.renumber,
    "cut the tail": Tamperer.cut_tail,
    "restore an old backup": Tamperer.restore_backup,
}
