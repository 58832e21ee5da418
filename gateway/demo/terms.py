"""Terms of the synthetic cohort: ontology trees, the fields that hold their codes, and the diagnoses.

Tables only.  The codes and labels are real (NCIt, ICD-O 3, UBERON, EFO, GEO platforms), the trees are cut down to what
the cohort needs, and everything that would point at real people's data (publications, GEO series, cell lines) carries
invented identifiers, so that nobody takes a synthetic profile for a measured one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

__all__ = ["DIAGNOSES", "FIELDS", "TERMS", "Diagnosis", "Field", "Term", "coded"]


@dataclass(frozen=True, slots=True)
class Term:
    """A code, its label, and the codes from the root of its tree down to it (itself last)."""

    id: str
    label: str
    path: tuple[str, ...]


# Two spaces of indentation are one step down the tree.
_TREES = """
NCIT:C3262 Neoplasm
  NCIT:C3263 Neoplasm by Site
    NCIT:C3268 Nervous System Neoplasm
      NCIT:C3059 Glioma
        NCIT:C3058 Glioblastoma
      NCIT:C3222 Medulloblastoma
      NCIT:C3270 Neuroblastoma
    NCIT:C2910 Breast Neoplasm
      NCIT:C4872 Breast Carcinoma
        NCIT:C4017 Invasive Breast Ductal Carcinoma
        NCIT:C2924 Ductal Breast Carcinoma In Situ
    NCIT:C2955 Colorectal Carcinoma
      NCIT:C4349 Colon Adenocarcinoma
    NCIT:C3200 Lung Neoplasm
      NCIT:C3512 Lung Adenocarcinoma
    NCIT:C2919 Prostate Adenocarcinoma
  NCIT:C27134 Hematopoietic and Lymphoid Cell Neoplasm
    NCIT:C3161 Leukemia
      NCIT:C3171 Acute Myeloid Leukemia
    NCIT:C3208 Lymphoma
      NCIT:C8851 Diffuse Large B-Cell Lymphoma
pgx:icdom-938-948 Gliomas
  pgx:icdom-94403 Glioblastoma, NOS
  pgx:icdom-94703 Medulloblastoma, NOS
pgx:icdom-949-952 Neuroepitheliomatous neoplasms
  pgx:icdom-95003 Neuroblastoma, NOS
pgx:icdom-850-854 Ductal and lobular neoplasms
  pgx:icdom-85003 Infiltrating duct carcinoma, NOS
  pgx:icdom-85002 Intraductal carcinoma, noninfiltrating, NOS
pgx:icdom-814-838 Adenomas and adenocarcinomas
  pgx:icdom-81403 Adenocarcinoma, NOS
pgx:icdom-984-993 Myeloid leukemias
  pgx:icdom-98613 Acute myeloid leukemia, NOS
pgx:icdom-967-969 Mature B-cell lymphomas
  pgx:icdom-96803 Malignant lymphoma, large B-cell, diffuse, NOS
pgx:icdom-00000 Normal
pgx:icdot-C71 Brain
  pgx:icdot-C71.9 Brain, NOS
  pgx:icdot-C71.6 Cerebellum, NOS
pgx:icdot-C74 Adrenal gland
  pgx:icdot-C74.9 Adrenal gland, NOS
pgx:icdot-C50 Breast
  pgx:icdot-C50.9 Breast, NOS
pgx:icdot-C18 Colon
  pgx:icdot-C18.9 Colon, NOS
pgx:icdot-C34 Bronchus and lung
  pgx:icdot-C34.9 Lung, NOS
pgx:icdot-C61 Prostate gland
  pgx:icdot-C61.9 Prostate gland
pgx:icdot-C42 Hematopoietic and reticuloendothelial systems
  pgx:icdot-C42.0 Blood
  pgx:icdot-C42.1 Bone marrow
pgx:icdot-C77 Lymph nodes
  pgx:icdot-C77.9 Lymph node, NOS
UBERON:0000955 brain
  UBERON:0002037 cerebellum
UBERON:0002369 adrenal gland
UBERON:0000310 breast
UBERON:0001155 colon
UBERON:0002048 lung
UBERON:0002367 prostate gland
UBERON:0002371 bone marrow
UBERON:0000178 blood
UBERON:0000029 lymph node
EFO:0009656 neoplastic sample
EFO:0009654 reference sample
EFO:0030035 cell line sample
EFO:0030041 alive (follow-up status)
EFO:0030049 dead (follow-up status)
EFO:0030039 no followup status
NCIT:C16576 female
NCIT:C20197 male
NCIT:C28077 Grade 1
NCIT:C28078 Grade 2
NCIT:C28079 Grade 3
NCIT:C28080 Grade 4
NCIT:C27966 Stage I
NCIT:C28054 Stage II
NCIT:C27970 Stage III
NCIT:C27971 Stage IV
NCIT:C48720 T1 Stage Finding
NCIT:C48724 T2 Stage Finding
NCIT:C48728 T3 Stage Finding
NCIT:C48705 N0 Stage Finding
NCIT:C48706 N1 Stage Finding
OBI:0001479 specimen from organism
OBI:0001876 cell culture
pgx:cohort-TCGA TCGA samples
pgx:cohort-TCGAcancers TCGA Cancer samples
pgx:cohort-celllines Demonstration cell lines
pgx:TCGA-GBM Glioblastoma multiforme
pgx:TCGA-BRCA Breast invasive carcinoma
pgx:TCGA-COAD Colon adenocarcinoma
pgx:TCGA-LUAD Lung adenocarcinoma
pgx:TCGA-LAML Acute Myeloid Leukemia
pgx:TCGA-PRAD Prostate adenocarcinoma
pgx:TCGA-DLBC Lymphoid Neoplasm Diffuse Large B-cell Lymphoma
geo:GPL6801 [GenomeWideSNP_6] Affymetrix Genome-Wide Human SNP 6.0 Array
geo:GPL4091 Agilent-014693 Human Genome CGH Microarray 244A
geo:GPL16131 [CytoScanHD_Array] Affymetrix CytoScan HD Array
EDAM:operation_3961 Copy number variation detection
EDAM:operation_3227 Variant calling
DUO:0000004 no restriction
"""


def _terms() -> Iterator[Term]:
    path: list[str] = []
    for line in filter(None, _TREES.split("\n")):
        code, _, label = line.strip().partition(" ")
        depth = (len(line) - len(line.lstrip())) // 2
        path[depth:] = [code]
        yield Term(code, label, tuple(path))


TERMS: Final[Mapping[str, Term]] = MappingProxyType({term.id: term for term in _terms()})


def coded(code: str) -> dict[str, str]:
    """A code with its label, as documents store it."""
    return {"id": code, "label": TERMS[code].label}


@dataclass(frozen=True, slots=True)
class Field:
    """A field whose codes become collations: the facts' filter class, where it is found, what the codes belong to."""

    type: str
    name: str
    prefix: str
    scope: str
    entity: str
    db_key: str
    reference: str


_OBO = "http://purl.obolibrary.org/obo/"
_GEO = "https://www.ncbi.nlm.nih.gov/geo/"
_PGX = "https://progenetix.org/"
_NCIT = "NCI Thesaurus OBO Edition"
_EFO = "Experimental Factor Ontology"

FIELDS: Final = (
    Field("NCIT", _NCIT, "NCIT", "biosamples", "biosample", "histological_diagnosis.id", _OBO),
    Field("icdom", "ICD-O 3 morphology", "pgx", "biosamples", "biosample", "icdo_morphology.id", _PGX),
    Field("icdot", "ICD-O 3 topography", "pgx", "biosamples", "biosample", "icdo_topography.id", _PGX),
    Field("UBERON", "Uber-anatomy ontology", "UBERON", "biosamples", "biosample", "sample_origin_detail.id", _OBO),
    Field("EFOmaterial", _EFO, "EFO", "biosamples", "biosample", "biosample_status.id", _OBO),
    Field("NCITgrade", _NCIT, "NCIT", "biosamples", "biosample", "tumor_grade.id", _OBO),
    Field("NCITstage", _NCIT, "NCIT", "biosamples", "biosample", "pathological_stage.id", _OBO),
    Field("NCITtnm", _NCIT, "NCIT", "biosamples", "biosample", "pathological_tnm_findings.id", _OBO),
    Field("pubmed", "PubMed", "pubmed", "biosamples", "biosample", "references.pubmed.id", "https://pubmed.gov/"),
    Field("cellosaurus", "Cellosaurus", "cellosaurus", "biosamples", "biosample", "references.cellosaurus.id", _PGX),
    Field("cbioportal", "cBioPortal", "cbioportal", "biosamples", "biosample", "references.cbioportal.id", _PGX),
    Field("TCGAproject", "TCGA project", "pgx", "biosamples", "biosample", "references.tcgaproject.id", _PGX),
    Field("pgxcohort", "Progenetix cohorts", "pgx", "biosamples", "biosample", "cohorts.id", _PGX),
    Field("NCITsex", _NCIT, "NCIT", "individuals", "individual", "sex.id", _OBO),
    Field("EFOfus", _EFO, "EFO", "individuals", "individual", "index_disease.followup_state.id", _OBO),
    Field("GEOseries", "Gene Expression Omnibus series", "geo", "analyses", "analysis", "series.id", _GEO),
    Field("GenomePlatforms", "Genomic platforms", "geo", "analyses", "analysis", "platform_model.id", _GEO),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """A diagnosis: its codes, whom it strikes, and its genome.

    `arms` lists chromosomes and arms with their chance (`+7:.8`, `-9p:.4`), `focal` genes likewise, `+` for an
    amplification and `-` for a deep deletion; `hotspots` and `fusion` name entries of the tables in `events.py`.
    """

    ncit: str
    icdom: str
    icdot: str
    uberon: str
    share: int
    male: float
    age: tuple[int, int]
    arms: str
    focal: str
    hotspots: str = ""
    fusion: str = ""
    tcga: str = ""
    grade: str = ""


DIAGNOSES: Final = (
    Diagnosis(
        ncit="NCIT:C3058", icdom="pgx:icdom-94403", icdot="pgx:icdot-C71.9", uberon="UBERON:0000955",
        share=5, male=0.6, age=(59, 12), tcga="pgx:TCGA-GBM", grade="NCIT:C28080",
        arms="+7:.8 -10:.8 -9p:.4 +19:.25 +20:.25 -13q:.3 -14q:.25 -22q:.3",
        focal="+EGFR:.45 -CDKN2A:.55 +PDGFRA:.12 +CDK4:.15 +MDM2:.1 -PTEN:.15",
        hotspots="TP53:.3 IDH1:.08",
    ),
    Diagnosis(
        ncit="NCIT:C4017", icdom="pgx:icdom-85003", icdot="pgx:icdot-C50.9", uberon="UBERON:0000310",
        share=5, male=0.01, age=(57, 12), tcga="pgx:TCGA-BRCA", grade="NCIT:C28079",
        arms="+1q:.6 -16q:.5 +8q:.5 -8p:.35 -17p:.35 +17q:.25 -11q:.2 +20q:.25 -13q:.25 +16p:.3",
        focal="+ERBB2:.2 +MYC:.2 +CCND1:.15 -PTEN:.05",
        hotspots="TP53:.35 PIK3CA:.35",
    ),
    Diagnosis(
        ncit="NCIT:C2924", icdom="pgx:icdom-85002", icdot="pgx:icdot-C50.9", uberon="UBERON:0000310",
        share=2, male=0.0, age=(55, 10), grade="NCIT:C28078",
        arms="+1q:.5 -16q:.5 +8q:.3 -17p:.2",
        focal="+ERBB2:.25 +CCND1:.1",
        hotspots="PIK3CA:.3 TP53:.15",
    ),
    Diagnosis(
        ncit="NCIT:C3171", icdom="pgx:icdom-98613", icdot="pgx:icdot-C42.1", uberon="UBERON:0002371",
        share=3, male=0.54, age=(62, 15), tcga="pgx:TCGA-LAML",
        arms="+8:.3 -5q:.25 -7:.25 -17p:.12 +21:.1 +11:.08",
        focal="-TP53:.05", hotspots="TP53:.15 IDH1:.1", fusion="RUNX1-RUNX1T1:.12",
    ),
    Diagnosis(
        ncit="NCIT:C4349", icdom="pgx:icdom-81403", icdot="pgx:icdot-C18.9", uberon="UBERON:0001155",
        share=3, male=0.53, age=(67, 12), tcga="pgx:TCGA-COAD", grade="NCIT:C28078",
        arms="+7:.5 +13:.6 +20q:.7 -18:.65 -17p:.6 -8p:.45 +8q:.45 -1p:.2",
        focal="+MYC:.08 +ERBB2:.04", hotspots="TP53:.55 KRAS:.4 PIK3CA:.15 BRAF:.1",
    ),
    Diagnosis(
        ncit="NCIT:C3512", icdom="pgx:icdom-81403", icdot="pgx:icdot-C34.9", uberon="UBERON:0002048",
        share=3, male=0.48, age=(65, 10), tcga="pgx:TCGA-LUAD", grade="NCIT:C28078",
        arms="+1q:.5 +5p:.5 +7:.4 +8q:.4 -8p:.35 -3p:.3 -9p:.35 -6q:.3 -17p:.35",
        focal="+EGFR:.1 -CDKN2A:.25 +MYC:.12 +MDM2:.06", hotspots="KRAS:.3 TP53:.45",
    ),
    Diagnosis(
        ncit="NCIT:C3222", icdom="pgx:icdom-94703", icdot="pgx:icdot-C71.6", uberon="UBERON:0002037",
        share=2, male=0.62, age=(8, 5), grade="NCIT:C28080",
        arms="+17q:.5 -17p:.45 +7:.3 -11:.2 -6:.12 -8:.25",
        focal="+MYC:.1 +MYCN:.1",
    ),
    Diagnosis(
        ncit="NCIT:C3270", icdom="pgx:icdom-95003", icdot="pgx:icdot-C74.9", uberon="UBERON:0002369",
        share=2, male=0.55, age=(3, 3),
        arms="+17q:.7 -1p:.35 -11q:.35 +7:.3 -3p:.2 +17:.2",
        focal="+MYCN:.3",
    ),
    Diagnosis(
        ncit="NCIT:C2919", icdom="pgx:icdom-81403", icdot="pgx:icdot-C61.9", uberon="UBERON:0002367",
        share=3, male=1.0, age=(66, 8), tcga="pgx:TCGA-PRAD", grade="NCIT:C28079",
        arms="-8p:.5 -13q:.4 -6q:.3 -16q:.3 +8q:.3 -18q:.2",
        focal="-PTEN:.25 +AR:.1 +MYC:.08 -RB1:.05", hotspots="TP53:.1", fusion="TMPRSS2-ERG:.4",
    ),
    Diagnosis(
        ncit="NCIT:C8851", icdom="pgx:icdom-96803", icdot="pgx:icdot-C77.9", uberon="UBERON:0000029",
        share=2, male=0.55, age=(63, 14), tcga="pgx:TCGA-DLBC",
        arms="+3:.2 +18q:.2 +7:.2 +12:.2 -6q:.35 +1q:.2 -17p:.15",
        focal="-CDKN2A:.25 +REL:.12", hotspots="TP53:.2", fusion="IGH-BCL2:.25",
    ),
)  # fmt: skip
