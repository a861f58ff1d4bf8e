"""`python -m densehybrid_ros.nodes.segmenter`."""

from densehybrid_ros.nodes.segmenter import main

main()
