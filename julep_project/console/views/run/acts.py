"""What can be done to a run."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from executions import services
from julep_project.console.acts import act, back, told
from julep_project.console.views.run.lookup import get_run


@act()
def cancel(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """End the run now, with the reason in its log."""
    run = get_run(run_id)
    reason = request.POST.get("reason", "").strip()[:500] or "cancelled by an operator"
    with told(request, "The run is cancelled"):
        services.cancel_execution(developer=run.developer, execution_id=run.pk, reason=reason)
    return back(request, reverse("admin:console_run", args=[run_id]))
