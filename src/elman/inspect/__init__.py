"""Looking at what a run did. Imports matplotlib only where a picture is drawn."""
