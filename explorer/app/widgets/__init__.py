"""Widgets that know neither panes nor screens: pages of lines, boxes, fields, menus, the prompt."""
