"""Pictures of runs, answers and figures. Imports matplotlib only where a picture is drawn."""
