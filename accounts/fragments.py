"""The parts of the settings that are replaced by themselves."""

from aim.console.fragments import register_fragment

SETTINGS = "settings"
register_fragment(SETTINGS, "settings-panel")
INVITED = "invited"
register_fragment(INVITED, "invited")
NOTIFICATIONS = "notifications"
register_fragment(NOTIFICATIONS, "notifications")
BELL = "bell"
register_fragment(BELL, "bell-panel")
