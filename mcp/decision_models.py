"""What decisions need of MCP servers beside the servers themselves."""

from django.db import models


class ServerBook(models.Model):
    """Rises whenever a decision may come out otherwise by an organization's servers; the database sees to it.

    A call through a server commits only while `generation` is the one that it was decided by.
    """

    organization_id = models.UUIDField(primary_key=True)
    generation = models.BigIntegerField(default=1)

    def __str__(self) -> str:
        return f"{self.organization_id} {self.generation}"


class ServerRate(models.Model):
    """The calls of a server in its latest minute, by all agents and all processes together.

    The row is where changes and calls of a server meet: a change waits here, at its commit, for the calls under way.
    """

    server = models.OneToOneField("mcp.McpServer", primary_key=True, on_delete=models.CASCADE, related_name="rate")
    minute = models.DateTimeField()
    used = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.server_id} {self.minute}"
