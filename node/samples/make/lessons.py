"""The sample lessons: what is said, what is shown, and how each is catalogued.

Every lesson is a list of steps. A step is one spoken sentence (also one caption) and the drawing state
that goes with it; `drawing(step)` in drawings.py draws the same scene with more and more of it visible.
"""

from dataclasses import dataclass, field


@dataclass
class Lesson:
    """One lesson; `says` holds the spoken sentences, in order."""

    id: str
    drawing: str
    grade: int
    subject: str
    language: str
    voice: str
    title: dict
    description: dict
    tag: str
    says: list
    keywords: str
    code: str
    prerequisites: str = ""
    captions: dict = field(default_factory=dict)
    worksheet: list = field(default_factory=list)
    worksheet_title: str = ""
    faststart: bool = True


LESSONS = [
    Lesson(
        id="thyesat",
        drawing="pie",
        grade=6,
        subject="math",
        language="sq",
        voice="sq",
        tag="Matematikë · klasa 6",
        title={
            "sq": "Thyesat: pjesët e së tërës",
            "sr": "Разломци: делови целине",
            "en": "Fractions: parts of a whole",
        },
        description={
            "sq": "Një pite, katër pjesë: çfarë tregojnë numëruesi dhe emëruesi.",
            "sr": "Једна пита, четири дела: шта показују бројилац и именилац.",
            "en": "One pie, four parts: what the numerator and the denominator tell.",
        },
        keywords="thyesa numëruesi emëruesi разломак fraction",
        code="MAT-6-1",
        says=[
            "Mirë se vini! Sot mësojmë thyesat.",
            "Marrim një pite dhe e ndajmë në katër pjesë të barabarta.",
            "Një pjesë quhet një e katërta.",
            "Numri poshtë vijës, emëruesi, tregon në sa pjesë e ndamë.",
            "Numri sipër vijës, numëruesi, tregon sa pjesë morëm.",
            "Nëse marrim tri pjesë, kemi tri të katërtat.",
            "Provoje vetë: sa është gjysma e një piteje?",
        ],
        captions={
            "sr": [
                "Добро дошли! Данас учимо разломке.",
                "Узимамо једну питу и делимо је на четири једнака дела.",
                "Један део зове се једна четвртина.",
                "Број испод црте, именилац, показује на колико смо делова поделили питу.",
                "Број изнад црте, бројилац, показује колико смо делова узели.",
                "Ако узмемо три дела, имамо три четвртине.",
                "Пробај: колико је половина пите?",
            ],
            "en": [
                "Welcome! Today we learn about fractions.",
                "We take a pie and cut it into four equal parts.",
                "One part is called one quarter.",
                "The number under the line, the denominator, tells how many parts we cut.",
                "The number above the line, the numerator, tells how many parts we took.",
                "If we take three parts, we have three quarters.",
                "Try it yourself: how much is half a pie?",
            ],
        },
        worksheet_title="Fletë pune: thyesat",
        worksheet=[
            "Vizato një pite dhe ndaje në katër pjesë të barabarta. Ngjyrose një të katërtën.",
            "Shkruaj si thyesë: tri pjesë nga pesë pjesë të barabarta.",
            "Cila është më e madhe: një e treta apo një e katërta? Shpjego me vizatim.",
            "Arta hëngri dy të tetat e një piteje. A është kjo më shumë apo më pak se gjysma?",
        ],
    ),
    Lesson(
        id="kendet",
        drawing="triangle",
        grade=6,
        subject="math",
        language="sq",
        voice="sq",
        tag="Matematikë · klasa 6",
        title={
            "sq": "Këndet e trekëndëshit",
            "sr": "Углови троугла",
            "en": "The angles of a triangle",
        },
        description={
            "sq": "Pse tri këndet së bashku bëjnë gjithmonë 180 gradë.",
            "sr": "Зашто три угла заједно увек дају 180 степени.",
            "en": "Why the three angles always make 180 degrees together.",
        },
        keywords="këndi trekëndëshi gradë троугао triangle angle",
        code="MAT-6-2",
        prerequisites="thyesat",
        # Its moov box stays at the end: a player needs the file's tail first.
        faststart=False,
        says=[
            "Sot shohim këndet e trekëndëshit.",
            "Çdo trekëndësh ka tri brinjë dhe tre kënde.",
            "I quajmë këndet alfa, beta dhe gama.",
            "E presim trekëndëshin prej letre dhe i vendosim këndet njëri pranë tjetrit.",
            "Ato formojnë një vijë të drejtë: njëqind e tetëdhjetë gradë.",
            "Shuma e këndeve të çdo trekëndëshi është njëqind e tetëdhjetë gradë.",
            "Nëse dy kënde janë nga gjashtëdhjetë gradë, sa është i treti?",
        ],
    ),
    Lesson(
        id="cikli-i-ujit",
        drawing="water",
        grade=5,
        subject="science",
        language="sq",
        voice="sq",
        tag="Shkencat e natyrës · klasa 5",
        title={
            "sq": "Cikli i ujit në natyrë",
            "sr": "Кружење воде у природи",
            "en": "The water cycle",
        },
        description={
            "sq": "Nga deti në re dhe përsëri në det.",
            "sr": "Од мора до облака и назад у море.",
            "en": "From the sea to the clouds and back again.",
        },
        keywords="uji avulli reja shiu вода киша water rain",
        code="SHK-5-3",
        says=[
            "Uji në natyrë është gjithmonë në lëvizje.",
            "Dielli e ngroh ujin e deteve, të liqeneve dhe të lumenjve.",
            "Uji avullon dhe ngjitet lart.",
            "Lart është ftohtë, prandaj avulli kthehet në pika të vogla: kështu formohen retë.",
            "Kur pikat rëndohen, bie shi ose borë.",
            "Uji rrjedh nëpër lumenj dhe kthehet përsëri në det.",
            "Kjo quhet cikli i ujit.",
        ],
        worksheet_title="Fletë pune: cikli i ujit",
        worksheet=[
            "Vizato detin, diellin, një re dhe një lumë. Lidhi me shigjeta sipas ciklit të ujit.",
            "Plotëso: kur uji ngrohet, ai ………………… dhe ngjitet lart.",
            "Pse formohen retë lart e jo pranë tokës?",
            "Vendos një gotë me ujë në dritare dhe shëno çdo ditë lartësinë e ujit. Çfarë vëren?",
        ],
    ),
    Lesson(
        id="shkronjat",
        drawing="letters",
        grade=1,
        subject="language",
        language="sq",
        voice="sq",
        tag="Gjuhë shqipe · klasa 1",
        title={"sq": "Shkronjat Ë dhe Ç", "sr": "Слова Ë и Ç", "en": "The letters Ë and Ç"},
        description={
            "sq": "Dy shkronja, shumë fjalë: ëndërr, çantë, nënë, çelës.",
            "sr": "Два албанска слова и речи које њима почињу.",
            "en": "Two Albanian letters and the words they live in.",
        },
        keywords="alfabeti zanore bashkëtingëllore азбука alphabet",
        code="GJU-1-7",
        says=[
            "Sot njohim dy shkronja: ë dhe ç.",
            "Shkronja ë është zanore.",
            "E dëgjojmë te fjala ëndërr.",
            "Shkronja ç është bashkëtingëllore.",
            "E dëgjojmë te fjala çantë.",
            "Lexo me mua: nënë, zemër, çadër, çelës.",
            "Shkruaji në fletore dhe lexoji me zë.",
        ],
    ),
    Lesson(
        id="razlomci",
        drawing="chocolate",
        grade=6,
        subject="math",
        language="sr",
        voice="sr",
        tag="Математика · 6. разред",
        title={
            "sq": "Gjysma, e treta, e katërta",
            "sr": "Половина, трећина, четвртина",
            "en": "Half, third, quarter",
        },
        description={
            "sq": "Një çokollatë e ndarë në dy, tri dhe katër pjesë.",
            "sr": "Једна чоколада подељена на два, три и четири дела.",
            "en": "One chocolate bar cut in two, three and four.",
        },
        keywords="разломак половина трећина thyesa fraction",
        code="MAT-6-1",
        says=[
            "Здраво! Данас учимо разломке.",
            "Чоколаду делимо на два једнака дела.",
            "Сваки део је једна половина.",
            "Ако је поделимо на три једнака дела, сваки део је трећина.",
            "Ако је поделимо на четири једнака дела, сваки део је четвртина.",
            "Што је више делова, то је сваки део мањи.",
            "Шта је веће: трећина или четвртина?",
        ],
        worksheet_title="Радни лист: разломци",
        worksheet=[
            "Нацртај чоколаду и подели је на три једнака дела. Обој једну трећину.",
            "Напиши као разломак: два дела од пет једнаких делова.",
            "Шта је веће: једна половина или две трећине? Објасни цртежом.",
            "Милан је појео четвртину чоколаде, а Ана половину. Колико је остало?",
        ],
    ),
    Lesson(
        id="dan-i-noc",
        drawing="earth",
        grade=4,
        subject="science",
        language="sr",
        voice="sr",
        tag="Природа и друштво · 4. разред",
        title={
            "sq": "Pse ndërrohen dita dhe nata",
            "sr": "Зашто се смењују дан и ноћ",
            "en": "Why day follows night",
        },
        description={
            "sq": "Toka rrotullohet dhe Dielli ndriçon vetëm gjysmën e saj.",
            "sr": "Земља се окреће, а Сунце осветљава само једну њену половину.",
            "en": "The Earth turns, and the Sun lights only half of it.",
        },
        keywords="Земља Сунце дан ноћ toka dielli earth sun",
        code="PRI-4-2",
        says=[
            "Земља је велика лопта и окреће се око своје осе.",
            "Сунце увек осветљава само једну њену половину.",
            "На осветљеној половини је дан.",
            "На другој половини је ноћ.",
            "Земља се окрене једном за двадесет четири сата.",
            "Зато се дан и ноћ смењују.",
            "Узми лампу и лопту, па провери.",
        ],
    ),
    Lesson(
        id="reading-a-map",
        drawing="map",
        grade=5,
        subject="geography",
        language="en",
        voice="en",
        tag="Geography · grade 5",
        title={"sq": "Si lexohet harta", "sr": "Како се чита карта", "en": "Reading a map"},
        description={
            "sq": "Veriu, legjenda dhe shkalla e hartës.",
            "sr": "Север, легенда и размер карте.",
            "en": "North, the legend and the scale.",
        },
        keywords="map north scale legend harta карта",
        code="GEO-5-1",
        says=[
            "A map is a picture of a place, seen from above.",
            "On most maps, north is at the top.",
            "South is at the bottom, east is on the right, and west is on the left.",
            "The legend tells you what each colour and sign means.",
            "The scale tells you how far things really are.",
            "Here, one centimetre on the map is one kilometre on the ground.",
            "The school is three centimetres from the river. How far will you walk?",
        ],
        worksheet_title="Worksheet: reading a map",
        worksheet=[
            "Draw a map of your classroom, seen from above. Mark the door, the board and your desk.",
            "Add an arrow that points north. Ask your teacher where the sun rises.",
            "Make a legend with at least four signs.",
            "On a map, one centimetre is two kilometres. Two villages are five centimetres apart. How far is that?",
        ],
    ),
    Lesson(
        id="colours",
        drawing="colours",
        grade=3,
        subject="language",
        language="en",
        voice="en",
        tag="English · grade 3",
        title={"sq": "Ngjyrat në anglisht", "sr": "Боје на енглеском", "en": "Colours in English"},
        description={
            "sq": "Pesë ngjyra dhe pesë gjëra që i njohim.",
            "sr": "Пет боја и пет познатих ствари.",
            "en": "Five colours and five things we know.",
        },
        keywords="colours ngjyra боје yellow green blue red orange",
        code="ENG-3-1",
        says=[
            "Hello! Let us learn some colours.",
            "The sun is yellow. Say it with me: yellow.",
            "The leaf is green. Say it with me: green.",
            "The sky is blue. Say it with me: blue.",
            "The apple is red. Say it with me: red.",
            "The flame of the torch is orange. Say it with me: orange.",
            "Look around you. What colours can you see?",
        ],
    ),
]

# Version 2 of the first lesson, for the demo: the answer to its closing question.
VERSION_2 = {
    "id": "thyesat",
    "says": ["Përgjigjja: gjysma është dy të katërtat."],
    "captions": {
        "sr": ["Одговор: половина је две четвртине."],
        "en": ["The answer: a half is two quarters."],
    },
}
