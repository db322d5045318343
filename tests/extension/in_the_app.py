"""Look at the toys' run in the app: `python in_the_app.py PROJECT`; an assertion fails where one is not there."""

import asyncio
import sys

from waiting import until

from engine.service.project import Project
from explorer.app.app import ExploreApp
from explorer.app.screens.table_of_views import TableOfViews


async def look(project: Project) -> None:
    """The chart's choices, the table of classes and the table of views."""
    app = ExploreApp(project)
    async with app.run_test(size=(200, 60)) as pilot:
        chart = pilot.app.screen.query_one("#chart")
        await until(pilot, chart.choices_metric)
        assert ("brighter test accuracy", "brighter_test") in chart.choices_metric()
        chart.action_metric("brighter_test")
        await until(pilot, lambda: "brighter test accuracy" in str(chart.border_title))
        chart.action_metric("inference_accuracy")
        assert ("top-class", "top-class") in chart.choices_attack()
        chart.action_attack("top-class")
        assert "brighter" in dict(chart.choices_view()).values()
        chart.view.leak_view = "brighter"
        await until(pilot, lambda: drawn(chart))
        await pilot.press("3")
        classes = pilot.app.screen.query_one("#classes")
        await until(pilot, lambda: "top L" in classes.text())
        assert "2 none" in classes.text()
        pilot.app.screen.query_one("#runs").focus()
        await pilot.press("V")
        await until(pilot, lambda: isinstance(pilot.app.screen, TableOfViews) and "I_L" in pilot.app.screen.page.text())
        assert "noise" in pilot.app.screen.page.text()
        assert "BRIGHTER" in pilot.app.screen.page.text()


def drawn(chart) -> bool:
    """Whether the chart has a point."""
    return chart.drawing.chart is not None and any(len(curve.x) for curve in chart.drawing.chart.series)


asyncio.run(look(Project.at(sys.argv[1])))
print("torch" in sys.modules)
