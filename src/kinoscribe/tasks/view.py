"""Turns the row of a task into all that is shown of it, on the wire and to the operator."""

from kinoscribe.contract.tasks import DeliveryView, TaskResult, TaskView
from kinoscribe.storage.task_record import Task


def task_view(task: Task, deliveries: tuple[DeliveryView, ...] = ()) -> TaskView:
    """All that is shown of a row. Why an attempt failed is shown when there are no more attempts."""
    ready = task.status == "ready"
    return TaskView(
        task_id=task.id,
        status=task.status,
        created_at=task.created_at,
        params=task.params,
        custom_id=task.custom_id,
        batch_id=task.batch_id,
        source=task.source,
        duration=task.duration,
        completed_at=task.completed_at,
        result=TaskResult(
            generation_id=task.generation_id or "",
            data=task.data or "",
            finish_reason=task.finish_reason or "stop",
            output_tokens=task.output_tokens or 0,
            input_tokens=task.input_tokens or 0,
        )
        if ready
        else None,
        receipt=task.generation_id if task.ended else None,
        error_code=task.error_code if task.ended else None,
        error_message=task.error_message if task.ended else None,
        stage=task.stage,
        done=task.done,
        attempt=task.attempt,
        deliveries=deliveries,
    )
