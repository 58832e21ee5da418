"""htsget 1.3 (GA4GH): regions of VCF files by tickets, over the same exports as all downloads."""
