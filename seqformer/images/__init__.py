"""Pictures with labels: reading them, and handing them out in batches."""
