"""Says what sort of video the evidence speaks for: news, lecture, advertisement, sports and others."""

from kinoscribe.engines.embedded.index import Index
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.scoreboard import scores
from kinoscribe.engines.embedded.slides import slides
from kinoscribe.engines.embedded.spans import find
from kinoscribe.engines.embedded.words import fold


def kind_of_video(material: Material) -> str:
    """What sort of video the evidence suggests: news, lecture, sports, ... ; empty when nothing does."""
    ranked = genre_scores(material)
    best = max(ranked, key=lambda name: (ranked[name], name))
    second = max(score for name, score in ranked.items() if name != best)
    return best if ranked[best] >= 2.5 and ranked[best] - second >= 0.8 else ""


def genre_scores(material: Material) -> dict[str, float]:
    """How much the evidence speaks for each sort of video."""
    index = material.index
    text = " " + " ".join(fold(u.text) for u in index.units)[:60_000] + " "
    found = slides(index)
    lengths = material.notes.end - material.notes.start
    captions = [u for u in index.texts if u.role == "caption"]

    def hits(words: str) -> int:
        return sum(f" {w} " in text or f" {w}s " in text for w in words.split(","))

    bullets = sum(len(s.lines) >= 1 for s in found)
    scores_found = scores(index)
    return {
        "news": 1.2
        * hits("news,good evening,tonight,reporter,weather,breaking,headlines,anchor,police,government")
        + 0.2 * min(5, len(captions)),
        "lecture": 0.9 * min(4, bullets)
        + 0.8
        * hits("lecture,lesson,course,chapter,summary,professor,students,definition,theorem,slide,today we")
        - (1.0 if scores_found else 0.0),
        "advertisement": (0.6 if lengths < 75 and len(index.speech) < 14 else 0.0)
        + (1.0 if lengths < 75 and _priced(index) else 0.0)
        + 1.1 * hits("buy,sale,offer,order now,discount,shop now")
        + 0.4 * hits("only,price,new,free,fresh,off,available")
        - (2.0 if lengths > 180 else 0.0)
        - 0.5 * (not index.units),
        "sports": (4.0 if scores_found else 0.0)
        + 1.0 * hits("goal,score,match,team,player,referee,league,half time,kick,innings,race,penalty"),
        "cooking": 1.0
        * hits(
            "recipe,oven,flour,butter,salt,pepper,cup,tablespoon,teaspoon,bake,stir,ingredients,cook,dough,sugar"
        ),
        "tutorial": 1.0
        * hits("click,button,menu,settings,select,screen,window,install,type,step,file,open the,how to"),
        "interview": 1.0
        * hits("interview,thank you for,tell us,my guest,welcome to the,question,joining us,how did you")
        + 0.5 * min(4, sum(u.asks for u in index.speech)),
        "radio": (2.5 if index.speech and not index.texts and _dark(material) else 0.0)
        + 1.2 * hits("radio,podcast,listeners,listening"),
        "travel": 1.0 * hits("travel,island,beach,hotel,flight,city tour,journey,visit,museum,mountain,trip"),
        "music": 1.0 * hits("song,music,album,lyrics,chorus,concert,band,guitar"),
        "surveillance": (
            2.5
            if not index.speech
            and not material.notes.has_sound
            and len(material.notes.shots) == 1
            and lengths > 20
            and not found
            else 0.0
        )
        + 1.5 * hits("cam,camera 1,cctv,rec"),
        "gaming": 1.0 * hits("level,player 1,game over,score,boss,health,xp"),
    }


def _priced(index: Index) -> bool:
    return any(find(unit.text, "money") for unit in index.units)


def _dark(material: Material) -> bool:
    looks = material.notes.looks
    return not looks or all(look.brightness < 0.12 for look in looks)
