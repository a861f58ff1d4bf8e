"""`python -m densehybrid_ros.nodes.evaluator`."""

from densehybrid_ros.nodes.evaluator import main

main()
