// Package chart draws a report of package load: how long answers took, by percentile, and how many came when.
//
//	err := chart.Draw(file, "png", "my server", report)
package chart
